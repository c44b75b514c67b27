//! The world `patchboard:handler/service`: the host has routed the request and
//! says which route it matched.
//!
//! Comes in: the request of the WIT. Goes out: its response. Between them the
//! route is chosen, an axum request is made, and the handler called.

pub(crate) mod bindings;
pub(crate) mod body;
pub(crate) mod fields;
mod leave;
#[cfg(target_family = "wasm")]
pub(crate) mod urls;

#[cfg(target_family = "wasm")]
pub(crate) use self::bindings::wasi::logging::logging;

use self::bindings::exports::patchboard::handler::handler::Guest;
use self::bindings::patchboard::handler::types::{self as wit, Protocol, Scheme};
use self::body::{incoming, outgoing};
use crate::call::{ClientAddress, RequestId, Route};
use crate::log;
use crate::registry;
use crate::service::run::{run, wants};
use crate::tls::Tls;
use crate::wants::Wants;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{HeaderName, RETRY_AFTER};
use http::uri::{self, Authority, PathAndQuery};
use http::{Method, StatusCode, Uri, Version};
use std::net::IpAddr;

struct Component;

#[cfg(target_family = "wasm")]
mod export;

impl Guest for Component {
    async fn handle(request: wit::Request) -> wit::Response {
        log::start();
        match leave::unless_over(answer(request)).await {
            Some(response) => into_wit(response),
            // Only where the server ends there is somebody left to see it.
            None => into_wit(ending()),
        }
    }
}

/// What is left to say where the server ends: another will be there soon.
fn ending() -> Response {
    const SOON: [(HeaderName, &str); 1] = [(RETRY_AFTER, "1")];
    (StatusCode::SERVICE_UNAVAILABLE, SOON, "503 Service Unavailable: the server is shutting down\n")
        .into_response()
}

async fn answer(request: wit::Request) -> Response {
    let wit::Request { method, authority, path_with_query, headers, route, request_id, body, .. } = request;
    let Some(method) = parse_method(method) else {
        return StatusCode::NOT_IMPLEMENTED.into_response();
    };
    let Some(entry) = registry::routes().find(|entry| Some(entry.id) == route.id) else {
        tracing::error!("the route {:?} of {:?} is none of this component", route.name, route.pattern);
        return StatusCode::NOT_FOUND.into_response();
    };
    if wants(entry) == Wants::Nothing {
        return (entry.call)(Request::default()).await;
    }

    let version = version(request.protocol);
    let client = request.client.map(client_address);
    let tls = request
        .tls
        .map(|tls| Tls::new(tls.server_name, tls.certificate.map(|shown| (shown.subject, shown.der))));
    let Some(uri) = parse_uri(request.scheme, authority, path_with_query) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let mut request = Request::new(incoming::into_axum(body));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = fields::unpack(headers);
    *request.version_mut() = version;
    if let Some(client) = client {
        request.extensions_mut().insert(client);
    }
    if let Some(tls) = tls {
        request.extensions_mut().insert(tls);
    }
    let route = Route::new(route.name, route.pattern, route.parameters);
    run(entry, request, route, RequestId::new(request_id)).await
}

fn into_wit(response: Response) -> wit::Response {
    let (head, body) = response.into_parts();
    wit::Response {
        status: head.status.as_u16(),
        headers: fields::pack(&head.headers),
        body: outgoing::into_wit(body),
    }
}

fn parse_method(method: wit::Method) -> Option<Method> {
    Some(match method {
        wit::Method::Get => Method::GET,
        wit::Method::Head => Method::HEAD,
        wit::Method::Post => Method::POST,
        wit::Method::Put => Method::PUT,
        wit::Method::Delete => Method::DELETE,
        wit::Method::Connect => Method::CONNECT,
        wit::Method::Options => Method::OPTIONS,
        wit::Method::Trace => Method::TRACE,
        wit::Method::Patch => Method::PATCH,
        wit::Method::Other(token) => Method::from_bytes(token.as_bytes()).ok()?,
    })
}

fn version(protocol: Protocol) -> Version {
    match protocol {
        Protocol::Http10 => Version::HTTP_10,
        Protocol::Http11 => Version::HTTP_11,
        Protocol::Http2 => Version::HTTP_2,
        Protocol::Http3 => Version::HTTP_3,
    }
}

fn client_address(client: wit::Client) -> ClientAddress {
    let address = match client.address {
        wit::IpAddress::Ipv4(octets) => IpAddr::from(<[u8; 4]>::from(octets)),
        wit::IpAddress::Ipv6(segments) => IpAddr::from(<[u16; 8]>::from(segments)),
    };
    ClientAddress::new(address, client.port)
}

/// The URI the client asked for, with scheme and authority, so that a handler can
/// make links to its own site; without them where the client named no authority.
fn parse_uri(scheme: Scheme, authority: String, path_with_query: String) -> Option<Uri> {
    let path_and_query = PathAndQuery::from_maybe_shared(Bytes::from(path_with_query)).ok()?;
    let mut parts = uri::Parts::default();
    if let Ok(authority) = Authority::from_maybe_shared(Bytes::from(authority)) {
        parts.authority = Some(authority);
        parts.scheme = Some(match scheme {
            Scheme::Http => uri::Scheme::HTTP,
            Scheme::Https => uri::Scheme::HTTPS,
        });
    }
    parts.path_and_query = Some(path_and_query);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris() {
        for (scheme, authority, path, expected) in [
            (Scheme::Https, "example.org", "/a?b=c", Some("https://example.org/a?b=c")),
            (Scheme::Http, "[::1]:8080", "/", Some("http://[::1]:8080/")),
            (Scheme::Http, "", "/a%2Fb", Some("/a%2Fb")),
            (Scheme::Http, "h", "/a\nb", None),
        ] {
            let uri = parse_uri(scheme, authority.to_owned(), path.to_owned());
            assert_eq!(uri.map(|uri| uri.to_string()).as_deref(), expected, "{authority}{path}");
        }
    }
}
