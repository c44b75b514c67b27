//! Why there is no such URL, and the response of a handler that passes it on.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use std::fmt;

/// Why there is no such URL.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlError {
    /// No route, or no static mount, has this name.
    UnknownName(String),
    /// The parameter has no value.
    MissingParameter(String),
    /// The route has no such parameter, or it was given twice.
    UnknownParameter(String),
    /// The value is not of the parameter's type, or would be read back as another.
    InvalidParameter {
        /// The parameter.
        name: String,
        /// The value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl fmt::Display for UrlError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownName(name) => write!(formatter, "nothing is named `{name}`"),
            Self::MissingParameter(name) => write!(formatter, "the parameter `{name}` is missing"),
            Self::UnknownParameter(name) => {
                write!(formatter, "there is no parameter `{name}`, or it is given twice")
            }
            Self::InvalidParameter { name, value, reason } => {
                write!(formatter, "`{name}` cannot be `{value}`: {reason}")
            }
        }
    }
}

impl std::error::Error for UrlError {}

/// 500: a link that cannot be made is a mistake in the program. The log says which.
impl IntoResponse for UrlError {
    fn into_response(self) -> Response {
        tracing::error!("url: {self}");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}
