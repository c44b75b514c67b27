//! Fixed responses: a status, header fields and a body from the configuration.

use std::fmt;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::body::Body;

/// What the host sets itself.
const OWN: [HeaderName; 7] = [
    CONNECTION,
    CONTENT_LENGTH,
    DATE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("x-request-id"),
];

/// A response that is always the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// What is wrong with a fixed response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FixedResponseError {
    /// It is not that of a response.
    #[error("a status is 200 to 599, not {0}")]
    Status(u32),
    /// RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5.
    #[error("a response with status {0} has no body")]
    Body(u16),
    /// A field is not valid.
    #[error("headers: `{name}`: {reason}")]
    Header {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl FixedResponse {
    /// A response of these parts. A body without a `content-type` is plain text; an
    /// error without a body gets the server's own.
    ///
    /// # Errors
    ///
    /// Names the part that is wrong.
    pub fn new(status: u32, headers: &[(String, String)], body: String) -> Result<Self, FixedResponseError> {
        let code = u16::try_from(status).ok().filter(|code| (200..600).contains(code));
        let code = code.and_then(|code| StatusCode::from_u16(code).ok());
        let code = code.ok_or(FixedResponseError::Status(status))?;
        let bodiless = [StatusCode::NO_CONTENT, StatusCode::RESET_CONTENT, StatusCode::NOT_MODIFIED];
        if bodiless.contains(&code) && !body.is_empty() {
            return Err(FixedResponseError::Body(code.as_u16()));
        }
        let mut fields = HeaderMap::new();
        for (name, value) in headers {
            let wrong = |reason: String| FixedResponseError::Header { name: name.clone(), reason };
            let field: HeaderName =
                name.parse().map_err(|_| wrong("is no name of a header field".to_owned()))?;
            if OWN.contains(&field) {
                return Err(wrong("the server sets this field itself".to_owned()));
            }
            let value = HeaderValue::from_str(value).map_err(|error| wrong(error.to_string()))?;
            fields.append(field, value);
        }
        if !body.is_empty() {
            let plain = HeaderValue::from_static("text/plain; charset=utf-8");
            fields.entry(CONTENT_TYPE).or_insert(plain);
        }
        Ok(Self { status: code, headers: fields, body: body.into() })
    }

    /// The response.
    pub fn response(&self) -> Response<Body> {
        let mut response = Response::new(Body::full(self.body.clone()));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        response
    }
}

impl fmt::Display for FixedResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fixed response {}", self.status.as_u16())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(status: u32, headers: &[(&str, &str)], body: &str) -> Result<FixedResponse, String> {
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        FixedResponse::new(status, &headers, body.to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_body_is_plain_text_unless_it_says_otherwise() {
        for (headers, body, expected) in [
            (&[][..], "hi", Some("text/plain; charset=utf-8")),
            (&[], "", None),
            (&[("content-type", "application/json")], "{}", Some("application/json")),
        ] {
            let response = fixed(200, headers, body).unwrap().response();
            let found = response.headers().get(CONTENT_TYPE).map(|value| value.to_str().unwrap());
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn refusals_name_the_part() {
        for (status, headers, body, part) in [
            (99, &[][..], "", "not 99"),
            (101, &[], "", "not 101"),
            (600, &[], "", "not 600"),
            (204, &[], "x", "204 has no body"),
            (304, &[], "x", "304 has no body"),
            (200, &[("a b", "x")], "", "`a b`"),
            (200, &[("x", "a\nb")], "", "`x`"),
            (200, &[("Content-Length", "1")], "", "sets this field itself"),
            (200, &[("X-Request-Id", "1")], "", "sets this field itself"),
        ] {
            let error = fixed(status, headers, body).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
