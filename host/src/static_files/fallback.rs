//! What is answered where there is no file: the page of a single-page
//! application, or the mount's own error page.

use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_ENCODING, HeaderMap, HeaderValue};
use http::{Response, StatusCode, Uri};

use super::content::{self, WHOLE_BYTES};
use super::encoding;
use super::error::ServeError;
use super::finder::{Finder, Found, Representation, Source};
use super::head;
use super::path::{FilePath, RelativePath};
use super::request::{FileRequest, ReadMethod};
use crate::body::Body;
use crate::negotiate;

/// The page of a single-page application, where a browser asks for one of its paths.
pub(super) fn application<'c>(
    finder: &Finder<'_>,
    page: Option<&'c RelativePath>,
    request: &FileRequest<'_>,
) -> Result<(Source, &'c FilePath), ServeError> {
    let page = page.filter(|_| is_navigation(request.uri, request.headers)).ok_or(ServeError::NotFound)?;
    match finder.find(page.file_path(), None) {
        Ok(Found::File(source)) => Ok((source, page.file_path())),
        Err(ServeError::WouldBlock) => Err(ServeError::WouldBlock),
        Ok(Found::Directory(_)) | Err(_) => Err(ServeError::NotFound),
    }
}

/// Whether the client is a browser on its way to a page: it names HTML, and
/// asks for no file. A script or picture that is missing stays a 404.
fn is_navigation(uri: &Uri, headers: &HeaderMap) -> bool {
    let name = uri.path().rsplit('/').next().unwrap_or_default();
    let html = negotiate::quality(headers, &ACCEPT, "text/html");
    !name.contains('.') && html.is_some_and(|quality| quality > 0)
}

/// The mount's own page for an error, where it exists and the client takes its type.
/// `None` leaves the body to the caller.
pub(super) fn error_page(
    finder: &Finder<'_>,
    page: &FilePath,
    status: StatusCode,
    request: &FileRequest<'_>,
) -> Result<Option<Response<Body>>, ServeError> {
    let source = match finder.find(page, None) {
        Ok(Found::File(source)) => source,
        Err(ServeError::WouldBlock) => return Err(ServeError::WouldBlock),
        Ok(Found::Directory(_)) | Err(_) => return Ok(None),
    };
    let Representation { facts, length, content } = encoding::choose(finder, source, page, request.headers)?;
    let essence = facts.media_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    if length > WHOLE_BYTES || negotiate::media_quality(request.headers, essence) == 0 {
        return Ok(None);
    }
    let body = match request.method {
        ReadMethod::Head => Body::empty(),
        ReadMethod::Get => content::body(content, length, content::whole(length), finder.access)?,
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    head::put_entity(headers, facts.media_type, length);
    if let Some(coding) = facts.coding {
        headers.insert(CONTENT_ENCODING, coding.value());
    }
    // No validators: they would be those of the page, not of what was asked for.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(Some(response))
}
