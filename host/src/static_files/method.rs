//! Step 1: a file can be read, by GET or HEAD; any other method is a 405.

use http::{HeaderValue, Method};

use super::error::ServeError;

/// The value of `Allow`, which RFC 9110 section 15.5.6 asks of every 405.
pub(super) const ALLOWED: HeaderValue = HeaderValue::from_static("GET, HEAD");

/// The methods that a file answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ReadMethod {
    Get,
    Head,
}

impl ReadMethod {
    pub(super) fn of(method: &Method) -> Result<Self, ServeError> {
        match *method {
            Method::GET => Ok(Self::Get),
            Method::HEAD => Ok(Self::Head),
            _ => Err(ServeError::Method),
        }
    }
}
