//! Why a statement has no result, and the response of a handler that passes it on.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use std::fmt;

/// What comes of a statement.
pub type Result<T> = std::result::Result<T, Error>;

/// Which kind of constraint a statement would have violated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConstraintKind {
    /// Two rows would be the same where they must not.
    Unique,
    /// A row would refer to one that is not there.
    ForeignKey,
    /// A value would be missing.
    NotNull,
    /// A check of the table would be false.
    Check,
    /// Another.
    Other,
}

/// Why there is no result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// No database of this name was granted.
    NoSuchDatabase(String),
    /// The database cannot be reached, or has no connection free.
    Unavailable(String),
    /// It took longer than the operator allows.
    TimedOut(String),
    /// It is larger than the operator allows.
    TooLarge(String),
    /// A constraint would have been violated.
    Constraint(ConstraintKind, String),
    /// Another transaction came between; the same again may succeed.
    Conflict(String),
    /// The statement is wrong, or does not fit its parameters or the tables.
    Invalid(String),
    /// A row is not of the type that was asked for.
    Row(String),
    /// Anything else.
    Other(String),
}

impl Error {
    /// Whether two rows would have been the same where they must not.
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Constraint(ConstraintKind::Unique, _))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchDatabase(name) => write!(f, "no database {name} was granted"),
            Self::Unavailable(text)
            | Self::TimedOut(text)
            | Self::TooLarge(text)
            | Self::Constraint(_, text)
            | Self::Conflict(text)
            | Self::Invalid(text)
            | Self::Row(text)
            | Self::Other(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        tracing::error!("sql: {self}");
        match self {
            Self::Unavailable(_) | Self::Conflict(_) | Self::TimedOut(_) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
        .into_response()
    }
}
