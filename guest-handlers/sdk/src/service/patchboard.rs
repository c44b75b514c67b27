//! The world `patchboard:handler/service`: the host has routed the request and
//! says which route it matched.
//!
//! Comes in: the request of the WIT. Goes out: its response. Between them the
//! route is chosen, an axum request is made, and the handler called.

mod bindings;
mod body;
mod choose;
mod fields;
#[cfg(target_family = "wasm")]
pub(crate) mod urls;

#[cfg(target_family = "wasm")]
pub(crate) use self::bindings::wasi::logging::logging;

use self::bindings::exports::patchboard::handler::handler::Guest;
use self::bindings::patchboard::handler::types::{self as wit, Scheme};
use self::body::{incoming, outgoing};
use crate::call::{RequestId, Route};
use crate::log;
use crate::registry;
use crate::service::run::run;
use crate::wants::Wants;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::uri::{self, Authority, PathAndQuery};
use http::{Method, StatusCode, Uri};

struct Component;

#[cfg(target_family = "wasm")]
mod export;

impl Guest for Component {
    async fn handle(request: wit::Request) -> wit::Response {
        log::start();
        into_wit(answer(request).await)
    }
}

async fn answer(request: wit::Request) -> Response {
    let wit::Request { method, scheme, authority, path_with_query, headers, route, request_id, body } =
        request;
    let Some(method) = parse_method(method) else {
        return StatusCode::NOT_IMPLEMENTED.into_response();
    };
    let Some(entry) = choose::choose(registry::routes(), &route.name, &route.pattern, &method) else {
        tracing::error!("no route {:?} for {method} {:?} in this component", route.name, route.pattern);
        return StatusCode::NOT_FOUND.into_response();
    };
    if (entry.wants)() == Wants::Nothing {
        return (entry.call)(Request::default()).await;
    }

    let Some(uri) = parse_uri(scheme, authority, path_with_query) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let mut request = Request::new(incoming::into_axum(body));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = fields::unpack(headers);
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
