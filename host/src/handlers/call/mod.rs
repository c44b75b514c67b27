//! One call in an instance, from its parameters to its response: a file per kind.

mod fields;
mod own;
mod own_request;
mod pipe;
mod proxy;
mod response;
mod service;

use std::sync::atomic::Ordering;

use http::HeaderValue;
use http::uri::Scheme;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use wasmtime::component::Accessor;
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::p2::bindings::Proxy;

pub(super) use self::response::add_to_linker as link_response;
use super::instance::{CallHead, Job};
use super::request_body::Inbound;
use super::state::State;
use crate::body::Body;

/// What an instance is called through.
pub(super) enum Export {
    Own(own::Handle),
    Service(service::Handle),
    Proxy(Proxy),
}

/// Runs one call to its end. An error is a trap: it is the store's end.
pub(super) async fn run(accessor: &Accessor<State>, export: &Export, job: Job) -> wasmtime::Result<()> {
    let head = job.head.clone();
    let outcome = match export {
        Export::Own(handle) => own::run(accessor, *handle, job).await,
        Export::Service(handle) => service::run(accessor, *handle, job).await,
        Export::Proxy(proxy) => proxy::run(accessor, proxy, job).await,
    };
    head.done.store(true, Ordering::Relaxed);
    outcome
}

/// The request as wasi:http's own types take it, with the request id as a field.
fn standard_request(head: &CallHead, body: Inbound) -> http::Request<WasiBody> {
    let mut request = http::Request::new(standard_body(body));
    *request.method_mut() = head.parts.method.clone();
    *request.uri_mut() = head.parts.uri.clone();
    *request.headers_mut() = head.parts.headers.clone();
    let mut uri = head.parts.uri.clone().into_parts();
    uri.scheme = Some(scheme(head));
    uri.authority = head.authority.parse().ok();
    if let Ok(uri) = http::Uri::from_parts(uri) {
        *request.uri_mut() = uri;
    }
    // A client's own is not believed.
    if let Ok(id) = HeaderValue::from_str(&head.request_id) {
        request.headers_mut().insert("x-request-id", id);
    }
    request
}

/// What the client has used, as a trusted proxy tells, or this server has.
fn scheme(head: &CallHead) -> Scheme {
    head.parts.extensions.get().cloned().unwrap_or(Scheme::HTTP)
}

fn standard_body(body: Inbound) -> WasiBody {
    match body {
        Inbound::Empty => http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync(),
        Inbound::Full(bytes) => {
            http_body_util::Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
        }
        Inbound::Streaming(body) => body.boxed_unsync(),
    }
}

/// A response of wasi:http's own types as ours.
fn standard_response(response: http::Response<WasiBody>) -> http::Response<Body> {
    response.map(|body| {
        if body.is_end_stream() {
            return Body::empty();
        }
        Body::stream(body.map_err(|error| format!("{error:?}").into()))
    })
}
