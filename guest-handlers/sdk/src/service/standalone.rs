//! Routing within the component, where no host has done it: under `wasi:http` and
//! in the author's unit tests.
//!
//! Of the routes that match the path ([`matching`]) the first for the method is
//! called; HEAD follows GET. Where there is none it is 404, or 405 with `Allow`.

use super::matching::{Candidate, matching};
use super::run::run;
use crate::call::{RequestId, Route};
use crate::registry::{self, RouteEntry};
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use std::hash::{BuildHasher as _, RandomState};

/// Answers a request by the routes of this component.
pub(crate) async fn answer(request: Request) -> Response {
    let (route, parameters) = match choose(request.uri().path(), request.method()) {
        Ok(chosen) => chosen,
        Err(response) => return *response,
    };
    let id = request_id(request.headers());
    let matched = Route::new(route.name.to_owned(), route.pattern.to_owned(), parameters);
    run(route, request, matched, id).await
}

type Chosen = (&'static RouteEntry, Vec<(String, String)>);

/// The route for a path, and its parameters; else the answer.
pub(super) fn choose(path: &str, method: &Method) -> Result<Chosen, Box<Response>> {
    thread_local! {
        static CANDIDATES: Vec<Candidate> = registry::routes().filter_map(Candidate::new).collect();
    }
    CANDIDATES.with(|candidates| {
        let mut matching = matching(candidates, path);
        let exact = matching.iter().position(|(candidate, _)| candidate.route.method == method.as_str());
        let serves = || matching.iter().position(|(candidate, _)| candidate.route.serves(method));
        match exact.or_else(serves) {
            Some(at) => {
                let (candidate, parameters) = matching.swap_remove(at);
                Ok((candidate.route, parameters))
            }
            None if matching.is_empty() => Err(StatusCode::NOT_FOUND.into_response().into()),
            None => {
                let routes: Vec<_> = matching.iter().map(|(candidate, _)| candidate.route).collect();
                Err(not_allowed(&routes, method).into())
            }
        }
    })
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
