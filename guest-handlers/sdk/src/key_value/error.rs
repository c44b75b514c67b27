//! Why an operation of a bucket failed.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use std::fmt;

/// Why an operation of a bucket failed.
///
/// As a response it is a 500 with a fixed text; the cause goes to the log, not to the
/// client.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// There can be no bucket of this name.
    NoSuchBucket,
    /// The bucket was not granted to this handler.
    AccessDenied,
    /// The store is down, or something is larger than the operator allows; the text says
    /// which.
    Store(String),
    /// The value of a key is not the JSON that was asked for, or cannot be written as such.
    Json {
        /// The key.
        key: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// Others have changed the value of a key each time it was to be changed.
    Contended {
        /// The key.
        key: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchBucket => formatter.write_str("there is no such bucket"),
            Self::AccessDenied => formatter.write_str("the bucket is not granted"),
            Self::Store(text) => formatter.write_str(text),
            Self::Json { key, source } => write!(formatter, "the value of `{key}`: {source}"),
            Self::Contended { key } => write!(formatter, "`{key}` is changed by too many at once"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Json { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        tracing::error!("key-value operation failed: {self}");
        (StatusCode::INTERNAL_SERVER_ERROR, "storage failed\n").into_response()
    }
}
