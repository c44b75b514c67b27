//! Step 3: what a path that names a folder is answered with.
//!
//! With a trailing slash that is its index, else the folder itself, for the
//! caller to list or refuse. Without, a redirect to the path with the slash, so
//! that relative links in the page below resolve against the folder.

use std::borrow::Cow;
use std::os::fd::OwnedFd;

use http::header::LOCATION;
use http::{HeaderValue, Response, StatusCode, Uri};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::error::ServeError;
use super::finder::{Finder, Found, Source};
use super::path::{FilePath, RelativePath};
use super::request::FileRequest;
use crate::body::Body;

/// What the request turned out to name.
#[derive(Debug)]
pub(super) enum Named<'r> {
    /// A file, or a folder's index, with its path.
    File(Source, Cow<'r, FilePath>),
    /// A folder without an index.
    Folder(OwnedFd),
    /// A folder, named without its slash.
    Unslashed,
}

/// Steps 2 and 3. The index is tried first: it is the common case, and its
/// folder need not be readable.
pub(super) fn resolve<'r>(
    finder: &Finder<'_>,
    request: &'r FileRequest<'_>,
    index: &[RelativePath],
) -> Result<Named<'r>, ServeError> {
    let path = request.path.as_ref().ok_or(ServeError::NotFound)?;
    if !request.trailing_slash {
        return Ok(match finder.find(path, None)? {
            Found::File(source) => Named::File(source, Cow::Borrowed(path)),
            Found::Directory(_) => Named::Unslashed,
        });
    }
    for name in index {
        let index = path.below(name.file_path().as_bytes());
        match finder.find(&index, None) {
            Ok(Found::File(source)) => return Ok(Named::File(source, Cow::Owned(index))),
            Ok(Found::Directory(_)) | Err(ServeError::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    match finder.find(path, None)? {
        Found::Directory(dir) => Ok(Named::Folder(dir)),
        // `/file.txt/` names something inside a file.
        Found::File(_) => Err(ServeError::NotFound),
    }
}

/// 301 to the same path with a slash, and the same query.
pub(super) fn redirect(uri: &Uri) -> Result<Response<Body>, ServeError> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    response.headers_mut().insert(LOCATION, HeaderValue::try_from(location(uri))?);
    Ok(response)
}

/// A `Location` that begins with `//`, or with `/\`, which browsers take for
/// the same, would lead to another host: it must not, whatever was asked for.
fn location(uri: &Uri) -> String {
    const UNSAFE: &AsciiSet = &CONTROLS.add(b'\\').add(b' ').add(b'"').add(b'<').add(b'>');
    let path = uri.path().trim_start_matches('/');
    let mut location = format!("/{}/", utf8_percent_encode(path, UNSAFE));
    if let Some(query) = uri.query() {
        location.push('?');
        location.extend(utf8_percent_encode(query, UNSAFE));
    }
    location
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_stays_on_this_host() {
        let check = |asked: &str, expected: &str| {
            let uri = Uri::builder().path_and_query(asked).build().unwrap();
            assert_eq!(location(&uri), expected, "{asked}");
        };
        check("/a", "/a/");
        check("/a%20b/c?x=1&y=%2F", "/a%20b/c/?x=1&y=%2F");
        check("/a?", "/a/?");
        check("//evil.example", "/evil.example/");
        check("///evil.example/%2e%2e", "/evil.example/%2e%2e/");
        check("/\\evil.example", "/%5Cevil.example/");
    }
}
