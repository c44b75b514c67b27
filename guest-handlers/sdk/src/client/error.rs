//! Why an outbound request failed.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use std::fmt;

pub(super) type Source = Box<dyn std::error::Error + Send + Sync>;

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request cannot be sent as it is: its URL, a field or its body is wrong.
    Request,
    /// The origin was not granted to the handler.
    NotGranted,
    /// The name leads to addresses that no handler may reach.
    ProhibitedAddress,
    /// As many requests as the operator allows are under way.
    TooManyRequests,
    /// The name is not known.
    Dns,
    /// Nobody listens there.
    Refused,
    /// The certificate, or the agreement on TLS, is wrong.
    Tls,
    /// A time-out.
    TimedOut,
    /// The connection ended early; whether the request was acted upon is not known.
    Disconnected,
    /// What came is no HTTP, or not what was expected of the body.
    Malformed,
    /// The status is one of an error; see
    /// [`error_for_status`](super::Response::error_for_status).
    Status(StatusCode),
    /// Anything else.
    Other,
}

/// Why an outbound request failed.
///
/// As a response it is a 502 with a fixed text; the cause goes to the log, not to
/// the client.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    what: String,
    source: Option<Source>,
}

impl Error {
    /// What kind of failure it was.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether a time-out was over.
    pub fn is_timeout(&self) -> bool {
        self.kind == ErrorKind::TimedOut
    }

    /// Whether there was no connection, so that the request has certainly not been acted upon.
    pub fn is_connect(&self) -> bool {
        matches!(self.kind, ErrorKind::Dns | ErrorKind::Refused | ErrorKind::Tls)
    }

    /// The status, where that is the error; see
    /// [`error_for_status`](super::Response::error_for_status).
    pub fn status(&self) -> Option<StatusCode> {
        match self.kind {
            ErrorKind::Status(status) => Some(status),
            _ => None,
        }
    }

    pub(super) fn url(url: &str) -> Self {
        Self { kind: ErrorKind::Request, what: format!("`{url}` is no absolute URL"), source: None }
    }

    pub(super) fn header() -> Self {
        Self { kind: ErrorKind::Request, what: "a header field is not valid".to_owned(), source: None }
    }

    pub(super) fn body(source: impl Into<Source>) -> Self {
        Self {
            kind: ErrorKind::Request,
            what: "the body cannot be encoded".to_owned(),
            source: Some(source.into()),
        }
    }

    pub(super) fn send(url: String, kind: ErrorKind, source: Source) -> Self {
        Self { kind, what: format!("request to {url} failed"), source: Some(source) }
    }

    pub(super) fn of_status(url: &str, status: StatusCode) -> Self {
        Self { kind: ErrorKind::Status(status), what: format!("{url} answered {status}"), source: None }
    }

    pub(super) fn response(url: &str, kind: ErrorKind, source: impl Into<Source>) -> Self {
        Self { kind, what: format!("the response of {url} cannot be read"), source: Some(source.into()) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.what)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match &self.source {
            Some(source) => tracing::error!("{self}: {source}"),
            None => tracing::error!("{self}"),
        }
        (StatusCode::BAD_GATEWAY, "upstream request failed\n").into_response()
    }
}
