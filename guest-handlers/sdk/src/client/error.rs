//! Why an outbound request failed.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use std::fmt;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why an outbound request failed.
///
/// As a response it is a 502 with a fixed text; the cause goes to stderr, not to
/// the client.
#[derive(Debug)]
pub struct Error {
    what: String,
    source: Option<Source>,
}

impl Error {
    pub(super) fn url(url: &str) -> Self {
        Self { what: format!("`{url}` is no absolute URL"), source: None }
    }

    pub(super) fn header() -> Self {
        Self { what: "a header field is not valid".to_owned(), source: None }
    }

    pub(super) fn body(source: impl Into<Source>) -> Self {
        Self { what: "the body cannot be encoded".to_owned(), source: Some(source.into()) }
    }

    pub(super) fn send(url: String, source: Source) -> Self {
        Self { what: format!("request to {url} failed"), source: Some(source) }
    }

    pub(super) fn status(url: &str, status: StatusCode) -> Self {
        Self { what: format!("{url} answered {status}"), source: None }
    }

    pub(super) fn response(url: &str, source: impl Into<Source>) -> Self {
        Self { what: format!("the response of {url} cannot be read"), source: Some(source.into()) }
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
