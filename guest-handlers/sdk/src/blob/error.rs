//! Why an operation of a folder failed.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use std::fmt;

/// What comes of an operation.
pub type Result<T> = std::result::Result<T, Error>;

/// What a content fails with.
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why an operation of a folder failed.
///
/// As a response it is 404 where there is no such object, 400 where the name or the range
/// is wrong or the content breaks off, 413 where there is too much of it, 503 where the
/// folder is not available, and else 500, with a fixed text; the cause goes to the log.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// No folder of this name was granted.
    NoSuchFolder(String),
    /// There is no object of this name.
    NotFound,
    /// The name cannot be that of an object, or the range lies behind its end.
    Invalid(String),
    /// The folder was granted for reading only.
    ReadOnly,
    /// The object, or the folder, would be larger than the operator allows; the text says
    /// which.
    TooLarge(String),
    /// The disk does not answer, or too much is asked of it; the text says which.
    Unavailable(String),
    /// What was to be put failed before its end.
    Content(BoxError),
    /// Anything else.
    Other(String),
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchFolder(name) => write!(formatter, "the blob folder {name} is not granted"),
            Self::NotFound => formatter.write_str("there is no such object"),
            Self::ReadOnly => formatter.write_str("the blob folder is granted for reading only"),
            Self::Invalid(text) | Self::TooLarge(text) | Self::Unavailable(text) | Self::Other(text) => {
                formatter.write_str(text)
            }
            Self::Content(error) => write!(formatter, "the content failed: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Content(error) => Some(&**error),
            _ => None,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, text) = match &self {
            Self::NotFound => return (StatusCode::NOT_FOUND, "no such object\n").into_response(),
            Self::Invalid(_) => (StatusCode::BAD_REQUEST, "not an object's name or range\n"),
            Self::Content(_) => (StatusCode::BAD_REQUEST, "the content broke off\n"),
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too large\n"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "storage is not available\n"),
            Self::NoSuchFolder(_) | Self::ReadOnly | Self::Other(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "storage failed\n")
            }
        };
        match status.is_server_error() {
            true => tracing::error!("blob operation failed: {self}"),
            false => tracing::info!("blob operation refused: {self}"),
        }
        (status, text).into_response()
    }
}
