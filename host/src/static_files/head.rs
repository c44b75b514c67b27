//! Step 8, the rest of it: the heads of responses, and multipart bodies.

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    LAST_MODIFIED, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::content::Piece;
use super::error::ServeError;
use super::range::Part;
use super::representation::Facts;
use crate::body::Body;

const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const BYTES: HeaderValue = HeaderValue::from_static("bytes");
const BY_CODING: HeaderValue = HeaderValue::from_static("accept-encoding");

pub(super) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Type and length of a body.
pub(super) fn put_entity(headers: &mut HeaderMap, media_type: HeaderValue, length: u64) {
    headers.insert(CONTENT_TYPE, media_type);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    // The type comes from the name: a browser must not guess another from bytes.
    headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
}

/// What a 304 says too (RFC 9110 section 15.4.5).
pub(super) fn put_metadata(headers: &mut HeaderMap, facts: &Facts) {
    put_some(headers, ETAG, facts.validators.etag.as_ref());
    put_some(headers, LAST_MODIFIED, facts.validators.last_modified.as_ref());
    put_some(headers, CACHE_CONTROL, facts.cache_control.as_ref());
    if facts.varies {
        headers.insert(VARY, BY_CODING);
    }
}

/// What a body has that is the whole, or a part, of a representation.
pub(super) fn put_representation(headers: &mut HeaderMap, facts: &Facts) {
    headers.insert(ACCEPT_RANGES, BYTES);
    put_some(headers, CONTENT_ENCODING, facts.coding.map(|coding| coding.value()).as_ref());
    put_metadata(headers, facts);
}

fn put_some(headers: &mut HeaderMap, name: HeaderName, value: Option<&HeaderValue>) {
    if let Some(value) = value {
        headers.insert(name, value.clone());
    }
}

/// `bytes 0-99/1000`
pub(super) fn put_content_range(headers: &mut HeaderMap, part: Part, length: u64) -> Result<(), ServeError> {
    headers.insert(CONTENT_RANGE, HeaderValue::try_from(content_range(part, length))?);
    Ok(())
}

/// 416 (RFC 9110 section 15.5.17).
pub(super) fn unsatisfiable(length: u64) -> Result<Response<Body>, ServeError> {
    let mut response = empty(StatusCode::RANGE_NOT_SATISFIABLE);
    let headers = response.headers_mut();
    headers.insert(CONTENT_RANGE, HeaderValue::try_from(format!("bytes */{length}"))?);
    headers.insert(ACCEPT_RANGES, BYTES);
    Ok(response)
}

fn content_range(part: Part, length: u64) -> String {
    format!("bytes {}-{}/{length}", part.start, part.end.saturating_sub(1))
}

/// A `multipart/byteranges` (RFC 9110 section 14.6): its type, and its pieces.
///
/// The boundary need not be unpredictable, only absent from the content; it
/// is made from the tag, which the content cannot know of itself.
pub(super) fn multipart(
    facts: &Facts,
    parts: &[Part],
    length: u64,
) -> Result<(HeaderValue, Vec<Piece>), ServeError> {
    let tag = facts.validators.etag.as_ref().and_then(|etag| etag.to_str().ok()).unwrap_or("untagged");
    let boundary = format!("patchboard-{}", tag.trim_matches('"'));
    let media_type = facts.media_type.to_str().unwrap_or("application/octet-stream");
    let mut pieces = Vec::with_capacity(parts.len() * 2 + 1);
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
