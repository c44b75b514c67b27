//! One exchange through `patchboard:handler/outbound`: head and small body at once.

use super::error::{ErrorKind, Source};
use super::timeouts::Timeouts;
use crate::service::patchboard::bindings::patchboard::handler::outbound as host;
use crate::service::patchboard::bindings::patchboard::handler::outbound_types as wit;
use crate::service::patchboard::bindings::patchboard::handler::types;
use crate::service::patchboard::body::{incoming, outgoing};
use crate::service::patchboard::fields;
use crate::time::nanoseconds;
use axum::body::Body;
use futures_util::future::{Either, select};
use http::{Method, StatusCode};
use std::pin::pin;

/// Sends `request` and waits for the head of the response. A large body of the request is
/// written meanwhile, that of the response is read when it is polled.
pub(super) async fn send(
    request: http::Request<Body>,
    Timeouts { connect, read }: Timeouts,
) -> Result<http::Response<Body>, (ErrorKind, Source)> {
    let (head, body) = request.into_parts();
    let (body, rest) = outgoing::begin(body);
    let request = wit::Request {
        method: lower_method(&head.method),
        url: head.uri.to_string(),
        headers: fields::pack(&head.headers),
        body,
        timeouts: wit::Timeouts {
            connect: connect.map(nanoseconds),
            first_byte: None,
            between_bytes: read.map(nanoseconds),
        },
    };
    let wit::Response { status, headers, body } = exchange(request, rest).await.map_err(error)?;
    let mut response = http::Response::new(incoming::into_axum(body));
    *response.status_mut() =
        StatusCode::from_u16(status).map_err(|error| (ErrorKind::Malformed, error.into()))?;
    *response.headers_mut() = fields::unpack(headers);
    Ok(response)
}

/// Sends what is left of the body meanwhile, and goes on with it where the response is there
/// first.
async fn exchange(
    request: wit::Request,
    rest: Option<impl Future<Output = ()> + 'static>,
) -> Result<wit::Response, wit::Error> {
    let Some(rest) = rest else { return host::send(request).await };
    match select(pin!(host::send(request)), Box::pin(rest)).await {
        Either::Left((response, rest)) => {
            wit_bindgen::spawn_local(rest);
            response
        }
        Either::Right(((), response)) => response.await,
    }
}

fn lower_method(method: &Method) -> types::Method {
    match *method {
        Method::GET => types::Method::Get,
        Method::HEAD => types::Method::Head,
        Method::POST => types::Method::Post,
        Method::PUT => types::Method::Put,
        Method::DELETE => types::Method::Delete,
        Method::CONNECT => types::Method::Connect,
        Method::OPTIONS => types::Method::Options,
        Method::TRACE => types::Method::Trace,
        Method::PATCH => types::Method::Patch,
        ref other => types::Method::Other(other.as_str().to_owned()),
    }
}

fn error(error: wit::Error) -> (ErrorKind, Source) {
    let (kind, text) = match error {
        wit::Error::InvalidUrl(text) | wit::Error::InvalidRequest(text) => (ErrorKind::Request, text),
        wit::Error::NotGranted(origin) => (ErrorKind::NotGranted, format!("{origin} is not granted")),
        wit::Error::ProhibitedAddress(text) => (ErrorKind::ProhibitedAddress, text),
        wit::Error::TooManyRequests => {
            (ErrorKind::TooManyRequests, "as many requests as are allowed are under way".to_owned())
        }
        wit::Error::Dns(text) => (ErrorKind::Dns, text),
        wit::Error::Refused(text) => (ErrorKind::Refused, text),
        wit::Error::Tls(text) => (ErrorKind::Tls, text),
        wit::Error::TimedOut(wit::Wait::Connect) => {
            (ErrorKind::TimedOut, "the connection took too long".to_owned())
        }
        wit::Error::TimedOut(wit::Wait::FirstByte) => {
            (ErrorKind::TimedOut, "the response took too long".to_owned())
        }
        wit::Error::Disconnected(text) => (ErrorKind::Disconnected, text),
        wit::Error::Malformed(text) => (ErrorKind::Malformed, text),
        wit::Error::Other(text) => (ErrorKind::Other, text),
    };
    (kind, text.into())
}
