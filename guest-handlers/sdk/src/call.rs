//! What a handler can know of its call beside the request: the route that led to
//! it, the request id and the client, all of them request extensions and extractors. And
//! what this crate can know of its answer: whether an extractor gave it.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// The route that led to this call.
///
/// ```
/// use patchboard::{Route, get};
///
/// #[get("/items/{id}")]
/// async fn item(route: Route) -> String {
///     format!("{} has {} parameter", route.name(), route.parameters().len())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Route(Arc<MatchedRoute>);

#[derive(Debug)]
struct MatchedRoute {
    name: String,
    pattern: String,
    parameters: Vec<(String, String)>,
}

impl Route {
    pub(crate) fn new(name: String, pattern: String, parameters: Vec<(String, String)>) -> Self {
        Self(Arc::new(MatchedRoute { name, pattern, parameters }))
    }

    /// The name of the route, unique within the handler.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The pattern that the path matched, for example `/items/{id}`.
    pub fn pattern(&self) -> &str {
        &self.0.pattern
    }

    /// The name of each parameter and what it matched, percent-decoded, in the
    /// order of the pattern.
    pub fn parameters(&self) -> &[(String, String)] {
        &self.0.parameters
    }
}

/// Names this request in the response, in the log and in error bodies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    pub(crate) fn new(id: String) -> Self {
        Self(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Who sent the request: the client, or the proxy nearest to it that the operator does not
/// trust to say more.
///
/// A request may have none, where a trusted proxy hides it; such a handler takes an
/// `Option<ClientAddress>`.
///
/// ```
/// use patchboard::{ClientAddress, get};
///
/// #[get("/ip")]
/// async fn ip(client: Option<ClientAddress>) -> String {
///     client.map_or_else(|| "somebody".to_owned(), |client| client.ip().to_string())
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress {
    ip: IpAddr,
    port: u16,
}

impl ClientAddress {
    // `wasi:http` has no place for it.
    #[cfg(not(feature = "wasi-http"))]
    pub(crate) fn new(ip: IpAddr, port: u16) -> Self {
        Self { ip, port }
    }

    /// The address.
    pub fn ip(&self) -> IpAddr {
        self.ip
    }

    /// The port; none where a proxy tells the address alone.
    pub fn port(&self) -> Option<u16> {
        (self.port != 0).then_some(self.port)
    }
}

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let hidden = (StatusCode::INTERNAL_SERVER_ERROR, "the client's address is not known");
        parts.extensions.get().copied().ok_or(hidden)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get().copied())
    }
}

impl<S: Sync> FromRequestParts<S> for Route {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        extension(parts)
    }
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        extension(parts)
    }
}

/// Every call has both; a request made by hand in a unit test may not.
fn extension<T: Clone + Send + Sync + 'static>(parts: &Parts) -> Result<T, (StatusCode, &'static str)> {
    parts.extensions.get().cloned().ok_or((
        StatusCode::INTERNAL_SERVER_ERROR,
        "the request was not made by the host or by patchboard::testing",
    ))
}

/// Marks, in its extensions, a response that an extractor gave instead of the
/// handler.
#[derive(Clone)]
pub(crate) struct Rejected;

/// Answers with the rejection of an extractor. Called by the attributes.
pub fn reject(rejection: impl IntoResponse) -> Response {
    let mut response = rejection.into_response();
    response.extensions_mut().insert(Rejected);
    response
}
