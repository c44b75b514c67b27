//! What is answered where there is no file: the page of a single-page
//! application, or the mount's own error page.

use http::header::{ACCEPT, CACHE_CONTROL, HeaderMap, HeaderValue};
use http::{Response, StatusCode, Uri};

use super::content::{self, WHOLE_BYTES};
use super::error::ServeError;
use super::head;
use super::method::ReadMethod;
use super::path::FilePath;
use super::representation::{Content, Finder, Found};
use crate::body::Body;
use crate::negotiate;

/// Whether the client is a browser on its way to a page: it names HTML, and
/// asks for no file. A script or picture that is missing stays a 404.
pub(super) fn is_navigation(uri: &Uri, headers: &HeaderMap) -> bool {
    let name = uri.path().rsplit('/').next().unwrap_or_default();
    let html = negotiate::quality(headers, &ACCEPT, "text/html");
    !name.contains('.') && html.is_some_and(|quality| quality > 0)
}

/// The error page, where it exists and the client takes its type. `None` leaves
/// the body to the caller.
pub(super) fn error_page(
    finder: &Finder<'_>,
    path: &FilePath,
    status: StatusCode,
    method: ReadMethod,
    request: &HeaderMap,
) -> Result<Option<Response<Body>>, ServeError> {
    let source = match finder.find(path, None) {
        Ok(Found::File(source)) => source,
        Err(ServeError::WouldBlock) => return Err(ServeError::WouldBlock),
        Ok(Found::Directory(_)) | Err(_) => return Ok(None),
    };
    let page = finder.represent(source, path, request)?;
    let essence = page.facts.media_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    if page.length > WHOLE_BYTES || negotiate::media_quality(request, essence) == 0 {
        return Ok(None);
    }
    let body = match (method, page.content) {
        (ReadMethod::Head, _) => Body::empty(),
        (ReadMethod::Get, Content::Bytes(bytes)) => Body::full(bytes),
        (ReadMethod::Get, Content::File(file)) => {
            Body::full(content::whole(&file, page.length, finder.access)?)
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    head::put_entity(headers, page.facts.media_type.clone(), page.length);
    if let Some(coding) = page.facts.coding {
        headers.insert(http::header::CONTENT_ENCODING, coding.value());
    }
    // No validators: they would be those of the page, not of what was asked for.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(Some(response))
}
