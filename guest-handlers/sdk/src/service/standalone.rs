//! Routing within the component, where no host has done it: under `wasi:http` and
//! in the author's unit tests.
//!
//! axum's `Router` matches all patterns; its routes only say which entry of the
//! table it is. The handler itself is called outside of it, since it need not be
//! `Send` as the router would ask. 404 is the router's; 405 and `Allow`, and that
//! HEAD follows GET, are done here, because methods of no standard, which axum
//! cannot route, are allowed too.

use crate::call::{RequestId, Route};
use crate::pattern;
use crate::registry::{self, RouteEntry};
use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts as _, OriginalUri, RawPathParams, Request};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use std::convert::Infallible;
use std::hash::{BuildHasher as _, RandomState};
use tower_service::Service as _;

/// Answers a request by the routes of this component.
pub(crate) async fn answer(request: Request) -> Response {
    thread_local! {
        static ROUTER: Router = router(registry::routes());
    }
    let (mut parts, body) = request.into_parts();

    let mut question = Request::new(axum::body::Body::empty());
    *question.method_mut() = parts.method.clone();
    *question.uri_mut() = parts.uri.clone();
    let mut router = ROUTER.with(Router::clone);
    let Ok::<_, Infallible>(mut reply) = router.call(question).await;
    let Some(Chosen(entry)) = reply.extensions_mut().remove() else {
        return reply;
    };

    parts.extensions.extend(std::mem::take(reply.extensions_mut()));
    parts.extensions.remove::<OriginalUri>();
    let parameters = match RawPathParams::from_request_parts(&mut parts, &()).await {
        Ok(parameters) => {
            parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
        }
        Err(rejection) => return rejection.into_response(),
    };
    parts.extensions.insert(Route::new(entry.name.to_owned(), entry.pattern.to_owned(), parameters));
    parts.extensions.insert(request_id(&parts.headers));
    let mut request = Request::from_parts(parts, body);
    // The host enforces the operator's limit; axum's own would come on top.
    DefaultBodyLimit::disable().apply(&mut request);
    (entry.call)(request).await
}

/// The route that a request has matched, in the extensions of the router's reply.
#[derive(Clone)]
struct Chosen(&'static RouteEntry);

fn router(routes: impl Iterator<Item = &'static RouteEntry>) -> Router {
    let mut by_pattern: Vec<(String, Vec<&'static RouteEntry>)> = Vec::new();
    for route in routes {
        let pattern = pattern::router_pattern(route.pattern);
        match by_pattern.iter_mut().find(|(known, _)| *known == pattern) {
            Some((_, entries)) => entries.push(route),
            None => by_pattern.push((pattern, vec![route])),
        }
    }
    by_pattern.into_iter().fold(Router::new().without_v07_checks(), |router, (pattern, entries)| {
        let choose = move |request: Request| std::future::ready(choose(&entries, request));
        router.route(&pattern, any(choose))
    })
}

/// Chooses among the routes of one pattern by the method.
fn choose(entries: &[&'static RouteEntry], request: Request) -> Response {
    let method = request.method();
    let exact = entries.iter().find(|entry| entry.method == method.as_str());
    let Some(entry) = exact.or_else(|| entries.iter().find(|entry| entry.serves(method))) else {
        return not_allowed(entries, method);
    };
    let (parts, _) = request.into_parts();
    let mut reply = Response::default();
    *reply.extensions_mut() = parts.extensions;
    reply.extensions_mut().insert(Chosen(entry));
    reply
}

/// RFC 9110, section 15.5.6: a 405 names the methods that are there. OPTIONS asks
/// for the same and is no error.
fn not_allowed(entries: &[&'static RouteEntry], method: &Method) -> Response {
    let mut methods: Vec<_> = entries.iter().map(|entry| entry.method).collect();
    if methods.contains(&"GET") && !methods.contains(&"HEAD") {
        methods.push("HEAD");
    }
    if !methods.contains(&"OPTIONS") {
        methods.push("OPTIONS");
    }
    let status =
        if method == Method::OPTIONS { StatusCode::NO_CONTENT } else { StatusCode::METHOD_NOT_ALLOWED };
    let allow = HeaderValue::try_from(methods.join(", ")).ok();
    let headers: HeaderMap = allow.into_iter().map(|allow| (header::ALLOW, allow)).collect();
    (status, headers).into_response()
}

/// The id that a proxy has given the request, else a new one.
fn request_id(headers: &HeaderMap) -> RequestId {
    let given = headers.get("x-request-id").and_then(|id| id.to_str().ok());
    RequestId::new(match given {
        Some(id) => id.to_owned(),
        None => format!("{:016x}", RandomState::new().hash_one(())),
    })
}
