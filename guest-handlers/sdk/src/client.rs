//! Outbound HTTP that can be awaited.
//!
//! ```
//! use patchboard::{client, get};
//!
//! #[get("/weather")]
//! async fn weather() -> Result<String, client::Error> {
//!     let response = client::get("https://weather.example/today").send().await?;
//!     response.error_for_status()?.text().await
//! }
//! ```
//!
//! An [`Error`] is a response too, a 502 with a short text, and says its cause in
//! the log, so `?` is all a handler needs. Bodies stream both ways. The origin has
//! to be granted to the handler; connections are the host's. In unit tests
//! [`testing::set_client`](crate::testing::set_client) says who answers.

mod error;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod native;
#[cfg(all(target_family = "wasm", not(feature = "wasi-http")))]
mod outbound;
mod response;
mod timeouts;
#[cfg(all(target_family = "wasm", feature = "wasi-http"))]
mod wasi_http;

pub use error::{Error, ErrorKind};
pub use response::Response;

#[cfg(not(target_family = "wasm"))]
use self::native::send;
#[cfg(all(target_family = "wasm", not(feature = "wasi-http")))]
use self::outbound::send;
use self::timeouts::Timeouts;
#[cfg(all(target_family = "wasm", feature = "wasi-http"))]
use self::wasi_http::send;
use crate::time;
use axum::body::Body;
use http::{HeaderName, HeaderValue, Method, Uri, header};
use serde::Serialize;
use std::time::Duration;

/// Starts a GET request.
pub fn get(url: impl AsRef<str>) -> Request {
    request(Method::GET, url)
}

/// Starts a HEAD request.
pub fn head(url: impl AsRef<str>) -> Request {
    request(Method::HEAD, url)
}

/// Starts a POST request.
pub fn post(url: impl AsRef<str>) -> Request {
    request(Method::POST, url)
}

/// Starts a PUT request.
pub fn put(url: impl AsRef<str>) -> Request {
    request(Method::PUT, url)
}

/// Starts a PATCH request.
pub fn patch(url: impl AsRef<str>) -> Request {
    request(Method::PATCH, url)
}

/// Starts a DELETE request.
pub fn delete(url: impl AsRef<str>) -> Request {
    request(Method::DELETE, url)
}

/// Starts a request with any method.
pub fn request(method: Method, url: impl AsRef<str>) -> Request {
    let start = || -> Result<http::Request<Body>, Error> {
        let uri: Uri = url.as_ref().parse().map_err(|_| Error::url(url.as_ref()))?;
        if uri.authority().is_none() || uri.scheme().is_none() {
            return Err(Error::url(url.as_ref()));
        }
        let mut request = http::Request::new(Body::empty());
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        Ok(request)
    };
    Request { request: start(), timeout: None, timeouts: Timeouts::default() }
}

/// A request under construction. What is wrong with it is said by [`send`](Self::send).
#[derive(Debug)]
#[must_use = "a request does nothing until it is sent and awaited"]
pub struct Request {
    request: Result<http::Request<Body>, Error>,
    timeout: Option<Duration>,
    timeouts: Timeouts,
}

impl Request {
    /// Adds a header field.
    pub fn header<N, V>(self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        self.and_then(|request| {
            let name = name.try_into().map_err(|_| Error::header())?;
            let value = value.try_into().map_err(|_| Error::header())?;
            request.headers_mut().append(name, value);
            Ok(())
        })
    }

    /// Sets the body: text, bytes, or a stream ([`Body::from_stream`]).
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.and_then(|request| {
            *request.body_mut() = body.into();
            Ok(())
        })
    }

    /// Sets the body to a form, `application/x-www-form-urlencoded`.
    pub fn form(self, form: &(impl Serialize + ?Sized)) -> Self {
        self.and_then(|request| {
            let body = serde_urlencoded::to_string(form).map_err(Error::body)?;
            set_body(request, "application/x-www-form-urlencoded", body);
            Ok(())
        })
    }

    /// Sets the body to JSON.
    pub fn json(self, value: &(impl Serialize + ?Sized)) -> Self {
        self.and_then(|request| {
            let body = serde_json::to_vec(value).map_err(Error::body)?;
            set_body(request, "application/json", body);
            Ok(())
        })
    }

    /// Waits for the head of the response no longer than this.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Waits for a connection no longer than this, and for a place among the requests that the
    /// operator allows at once.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.connect = Some(timeout);
        self
    }

    /// Waits no longer than this between two pieces of the response's body.
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.read = Some(timeout);
        self
    }

    /// Sends the request and waits for the head of the response. Any status is a
    /// response; see [`Response::error_for_status`].
    pub async fn send(self) -> Result<Response, Error> {
        let request = self.request?;
        let url = request.uri().to_string();
        let response = send(request, self.timeouts);
        let outcome = match self.timeout {
            None => response.await,
            Some(timeout) => match time::timeout(timeout, response).await {
                Ok(outcome) => outcome,
                Err(elapsed) => Err((ErrorKind::TimedOut, elapsed.into())),
            },
        };
        match outcome {
            Ok(response) => Ok(Response::new(response, url)),
            Err((kind, source)) => Err(Error::send(url, kind, source)),
        }
    }

    /// Goes on building, unless something was wrong already.
    fn and_then(mut self, build: impl FnOnce(&mut http::Request<Body>) -> Result<(), Error>) -> Self {
        self.request = self.request.and_then(|mut request| {
            build(&mut request)?;
            Ok(request)
        });
        self
    }
}

fn set_body(request: &mut http::Request<Body>, content_type: &'static str, body: impl Into<Body>) {
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    *request.body_mut() = body.into();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_kept_until_the_request_is_sent() {
        for (request, expected) in [
            (get("/relative"), "`/relative` is no absolute URL"),
            (get("http://"), "`http://` is no absolute URL"),
            (get("http://h/").header("a b", "c"), "a header field is not valid"),
            (get("/x").header("a b", "c"), "`/x` is no absolute URL"),
        ] {
            let error = request.request.unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn a_form_has_its_media_type() {
        let request = post("http://h/x").form(&[("key", "a b")]).request.unwrap();
        assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
        assert_eq!(http_body::Body::size_hint(request.body()).exact(), Some(7));
    }
}
