//! Step 8, the rest of it: the heads of responses, and the pieces that a multipart body
//! is made of.

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    LAST_MODIFIED, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use smallvec::smallvec;

use super::content::{self, Piece, Pieces};
use super::error::ServeError;
use super::facts::Facts;
use super::range::{Part, Selection};
use crate::body::Body;

const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const BYTES: HeaderValue = HeaderValue::from_static("bytes");
const BY_CODING: HeaderValue = HeaderValue::from_static("accept-encoding");

/// A head that has no body.
pub(super) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// 304 (RFC 9110 section 15.4.5).
pub(super) fn not_modified(facts: &Facts) -> Response<Body> {
    let mut response = empty(StatusCode::NOT_MODIFIED);
    put_metadata(response.headers_mut(), facts);
    response
}

/// The head for what was selected of a representation of `length` bytes, and the pieces
/// that its body is made of.
pub(super) fn of(
    facts: &Facts,
    selection: &Selection,
    length: u64,
) -> Result<(Response<()>, Pieces), ServeError> {
    let (status, media_type, pieces) = match selection {
        Selection::Unsatisfiable => return Ok((unsatisfiable(length)?, Pieces::new())),
        Selection::Whole => (StatusCode::OK, facts.media_type.clone(), content::whole(length)),
        Selection::One(part) => {
            (StatusCode::PARTIAL_CONTENT, facts.media_type.clone(), smallvec![Piece::File(*part)])
        }
        Selection::Several(parts) => {
            let (media_type, pieces) = multipart(facts, parts, length)?;
            (StatusCode::PARTIAL_CONTENT, media_type, pieces)
        }
    };
    let mut head = Response::new(());
    *head.status_mut() = status;
    let headers = head.headers_mut();
    headers.reserve(8);
    put_entity(headers, media_type, pieces.iter().map(Piece::length).sum());
    put_representation(headers, facts);
    if let Selection::One(part) = selection {
        headers.insert(CONTENT_RANGE, HeaderValue::try_from(content_range(*part, length))?);
    }
    Ok((head, pieces))
}

/// Type and length of a body.
pub(super) fn put_entity(headers: &mut HeaderMap, media_type: HeaderValue, length: u64) {
    headers.insert(CONTENT_TYPE, media_type);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    // The type comes from the name: a browser must not guess another from bytes.
    headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
}

/// What a 304 says too (RFC 9110 section 15.4.5).
fn put_metadata(headers: &mut HeaderMap, facts: &Facts) {
    put_some(headers, ETAG, facts.validators.etag.as_ref());
    put_some(headers, LAST_MODIFIED, facts.validators.last_modified.as_ref());
    put_some(headers, CACHE_CONTROL, facts.cache_control.as_ref());
    if facts.varies {
        headers.insert(VARY, BY_CODING);
    }
}

/// What a body has that is the whole, or a part, of a representation.
fn put_representation(headers: &mut HeaderMap, facts: &Facts) {
    headers.insert(ACCEPT_RANGES, BYTES);
    put_some(headers, CONTENT_ENCODING, facts.coding.map(|coding| coding.value()).as_ref());
    put_metadata(headers, facts);
}

fn put_some(headers: &mut HeaderMap, name: HeaderName, value: Option<&HeaderValue>) {
    if let Some(value) = value {
        headers.insert(name, value.clone());
    }
}

/// 416 (RFC 9110 section 15.5.17).
fn unsatisfiable(length: u64) -> Result<Response<()>, ServeError> {
    let mut head = Response::new(());
    *head.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
    let headers = head.headers_mut();
    headers.insert(CONTENT_RANGE, HeaderValue::try_from(format!("bytes */{length}"))?);
    headers.insert(ACCEPT_RANGES, BYTES);
    Ok(head)
}

/// `bytes 0-99/1000`
fn content_range(part: Part, length: u64) -> String {
    format!("bytes {}-{}/{length}", part.start, part.end.saturating_sub(1))
}

/// A `multipart/byteranges` (RFC 9110 section 14.6): its type, and its pieces.
///
/// The boundary need not be unpredictable, only absent from the content; it
/// is made from the tag, which the content cannot know of itself.
fn multipart(facts: &Facts, parts: &[Part], length: u64) -> Result<(HeaderValue, Pieces), ServeError> {
    let tag = facts.validators.etag.as_ref().and_then(|etag| etag.to_str().ok()).unwrap_or("untagged");
    let boundary = format!("patchboard-{}", tag.trim_matches('"'));
    let media_type = facts.media_type.to_str().unwrap_or("application/octet-stream");
    let mut pieces = Pieces::with_capacity(parts.len() * 2 + 1);
    for (n, part) in parts.iter().enumerate() {
        let before = if n == 0 { "" } else { "\r\n" };
        let range = content_range(*part, length);
        let head =
            format!("{before}--{boundary}\r\ncontent-type: {media_type}\r\ncontent-range: {range}\r\n\r\n");
        pieces.push(Piece::Bytes(Bytes::from(head)));
        pieces.push(Piece::File(*part));
    }
    pieces.push(Piece::Bytes(Bytes::from(format!("\r\n--{boundary}--\r\n"))));
    Ok((HeaderValue::try_from(format!("multipart/byteranges; boundary={boundary}"))?, pieces))
}
