//! What a response may say of its content, and whether it has any: one rule for all worlds.
//!
//! In: the response as the guest made it. Out: the response as it goes to the client, or
//! why it cannot.

use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body::Body as _;

use crate::body::Body;

/// Whether a response has content (RFC 9110, sections 6.4.1 and 15.3.6).
pub(super) fn has_content(method: &Method, status: StatusCode) -> bool {
    *method != Method::HEAD
        && !matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED)
}

/// A status that a handler may answer with: a final one (RFC 9110, section 15).
///
/// # Errors
///
/// Says why it may not.
pub(super) fn final_status(status: u16) -> Result<StatusCode, String> {
    StatusCode::from_u16(status)
        .ok()
        .filter(|_| (200..600).contains(&status))
        .ok_or_else(|| format!("{status} is not a status from 200 to 599"))
}

/// The response as it goes to the client that asked by `method`.
///
/// # Errors
///
/// Says what is wrong with it.
pub(super) fn settle(method: &Method, mut response: Response<Body>) -> Result<Response<Body>, String> {
    let status = final_status(response.status().as_u16())?;
    let told = length(response.headers())?;
    if !has_content(method, status) {
        // What the guest made is dropped unread.
        let made =
            Some(response.body().size_hint().exact()).filter(|_| !response.body().is_empty()).flatten();
        let length = match status {
            StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT => None,
            StatusCode::NOT_MODIFIED => told,
            _ => told.or(made),
        };
        match length {
            Some(length) => {
                response.headers_mut().insert(CONTENT_LENGTH, length.into());
            }
            None => {
                response.headers_mut().remove(CONTENT_LENGTH);
            }
        }
        return Ok(response.map(|_| length.map_or_else(Body::empty, Body::absent)));
    }
    match (told, response.body().size_hint().exact()) {
        (Some(told), Some(made)) if told != made => {
            return Err(format!("its content-length is {told}, but its body has {made} bytes"));
        }
        // The body itself tells it.
        (Some(_), Some(_)) => drop(response.headers_mut().remove(CONTENT_LENGTH)),
        (Some(_) | None, _) => {}
    }
    Ok(response)
}

/// What `content-length` says (RFC 9110, section 8.6).
///
/// # Errors
///
/// If that is no length.
pub(super) fn length(headers: &HeaderMap) -> Result<Option<u64>, String> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = lengths.next() else { return Ok(None) };
    if lengths.next().is_some() {
        return Err("there is more than one content-length".to_owned());
    }
    let digits = first.as_bytes();
    let length = first.to_str().ok().filter(|_| digits.iter().all(u8::is_ascii_digit));
    let length = length.and_then(|length| length.parse().ok());
    length.map(Some).ok_or_else(|| format!("its content-length is {first:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(
        method: Method,
        status: u16,
        length: Option<&str>,
        body: &'static str,
    ) -> Result<String, String> {
        let mut response = Response::new(Body::full(body));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response.headers_mut().extend(length.map(|length| (CONTENT_LENGTH, length.parse().unwrap())));
        let response = settle(&method, response)?;
        let length = response.headers().get(CONTENT_LENGTH).map(|length| length.to_str().unwrap().to_owned());
        Ok(format!("{} {:?}", length.as_deref().unwrap_or("-"), response.body()))
    }

    #[test]
    fn lengths_and_content() {
        for (method, status, length, body, expected) in [
            (Method::GET, 200, None, "abc", Ok("- Body::Full(3 bytes)")),
            (Method::GET, 200, Some("3"), "abc", Ok("- Body::Full(3 bytes)")),
            (Method::GET, 200, Some("4"), "abc", Err("its content-length is 4, but its body has 3 bytes")),
            (Method::GET, 200, Some("4"), "", Err("its content-length is 4, but its body has 0 bytes")),
            (Method::GET, 200, Some("abc"), "abc", Err("its content-length is \"abc\"")),
            (Method::GET, 200, Some("+3"), "abc", Err("its content-length is \"+3\"")),
            (Method::HEAD, 200, None, "abc", Ok("3 Body::Absent(3 bytes)")),
            (Method::HEAD, 200, Some("10"), "", Ok("10 Body::Absent(10 bytes)")),
            (Method::HEAD, 200, None, "", Ok("- Body::Empty")),
            (Method::HEAD, 404, Some("10"), "", Ok("10 Body::Absent(10 bytes)")),
            (Method::GET, 304, Some("10"), "", Ok("10 Body::Absent(10 bytes)")),
            (Method::GET, 304, None, "abc", Ok("- Body::Empty")),
            (Method::GET, 204, Some("3"), "abc", Ok("- Body::Empty")),
            (Method::HEAD, 204, Some("3"), "", Ok("- Body::Empty")),
            (Method::GET, 205, None, "abc", Ok("- Body::Empty")),
            (Method::GET, 101, None, "", Err("101 is not a status from 200 to 599")),
            (Method::GET, 600, None, "", Err("600 is not a status from 200 to 599")),
        ] {
            let settled = settled(method.clone(), status, length, body);
            assert_eq!(
                settled.as_deref().map_err(|error| &**error),
                expected,
                "{method} {status} {length:?} {body}"
            );
        }
    }
}
