//! What both versions of `wasi:http` have in common: requests and responses as wasmtime's
//! own types have them.

use http::HeaderValue;
use http::uri::Scheme;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use wasmtime_wasi_http::WasiBody;

use crate::body::Body;
use crate::handlers::job::CallHead;
use crate::handlers::request_body::Inbound;

/// The request as wasi:http's own types take it, with the request id as a field.
pub(super) fn request(head: &CallHead, body: Inbound) -> http::Request<WasiBody> {
    let mut request = http::Request::new(request_body(body));
    *request.method_mut() = head.parts.method.clone();
    *request.uri_mut() = head.parts.uri.clone();
    *request.headers_mut() = head.parts.headers.clone();
    let mut uri = head.parts.uri.clone().into_parts();
    uri.scheme = Some(scheme(head));
    // HTTP/1.0 needs no Host. Guests make a URI of scheme, authority and path, and one of http
    // has a host (RFC 9110, section 4.2.1), so they get one that names no other server.
    let authority = if head.authority.is_empty() { "localhost" } else { &head.authority };
    uri.authority = authority.parse().ok();
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
pub(super) fn scheme(head: &CallHead) -> Scheme {
    head.parts.extensions.get().cloned().unwrap_or(Scheme::HTTP)
}

fn request_body(body: Inbound) -> WasiBody {
    match body {
        Inbound::Empty => http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync(),
        Inbound::Full(bytes) => {
            http_body_util::Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
        }
        Inbound::Streaming(body) => body.boxed_unsync(),
    }
}

/// A response of wasi:http's own types as ours.
pub(super) fn response(response: http::Response<WasiBody>) -> http::Response<Body> {
    response.map(|body| {
        if body.is_end_stream() {
            return Body::empty();
        }
        Body::stream(body.map_err(|error| format!("{error:?}").into()))
    })
}
