//! The response to an outbound request, its body still arriving.

use super::{Error, ErrorKind};
use axum::body::{Body, Bytes};
use axum::response::IntoResponse;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;

/// The response to an outbound request.
///
/// Its body arrives as it is read, and has no limit: who buffers one, with
/// [`bytes`](Self::bytes), [`text`](Self::text) or [`json`](Self::json), trusts
/// the origin, or the handler's memory limit.
#[derive(Debug)]
pub struct Response {
    response: http::Response<Body>,
    url: String,
}

impl Response {
    pub(super) fn new(response: http::Response<Body>, url: String) -> Self {
        Self { response, url }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The header fields.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// Turns a response with a status of 400 or more into an error.
    pub fn error_for_status(self) -> Result<Self, Error> {
        let status = self.status();
        if status.is_client_error() || status.is_server_error() {
            return Err(Error::of_status(&self.url, status));
        }
        Ok(self)
    }

    /// The whole body.
    pub async fn bytes(self) -> Result<Bytes, Error> {
        match self.response.into_body().collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) => Err(Error::response(&self.url, ErrorKind::Disconnected, error)),
        }
    }

    /// The whole body as text; what is not UTF-8 becomes `U+FFFD`.
    pub async fn text(self) -> Result<String, Error> {
        let bytes = self.bytes().await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The whole body, parsed as JSON.
    pub async fn json<T: DeserializeOwned>(mut self) -> Result<T, Error> {
        let url = std::mem::take(&mut self.url);
        let bytes = self.bytes().await?;
        serde_json::from_slice(&bytes).map_err(|error| Error::response(&url, ErrorKind::Malformed, error))
    }

    /// The body, to be read as it arrives.
    pub fn into_body(self) -> Body {
        self.response.into_body()
    }

    /// The response as the `http` crate has it.
    pub fn into_http(self) -> http::Response<Body> {
        self.response
    }
}

/// Passes status, end-to-end fields and body on as they come.
impl IntoResponse for Response {
    fn into_response(self) -> axum::response::Response {
        let mut response = self.response;
        // The host frames the message anew.
        for name in [http::header::CONNECTION, http::header::TRANSFER_ENCODING] {
            response.headers_mut().remove(name);
        }
        response
    }
}
