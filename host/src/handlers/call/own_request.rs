//! The request of our own world, as it is lowered into the guest's memory.
//!
//! The generated types would have each string copied once more on its way; these
//! share what the host has anyway. Their shape is that of `wit/handler.wit`, which
//! wasmtime checks when a component is loaded.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::uri::Scheme;
use http::{Method, Version};
use wasmtime::component::{ComponentType, Lower};

use crate::handlers::bindings::types;
use crate::handlers::imports::fields;
use crate::handlers::imports::inflow::Body;
use crate::handlers::job::CallHead;
use crate::handlers::job::MatchedRoute;
use crate::tls::Session;

/// `request` of `patchboard:handler/types`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(in crate::handlers) struct Request {
    method: types::Method,
    scheme: types::Scheme,
    protocol: types::Protocol,
    authority: Arc<str>,
    #[component(name = "path-with-query")]
    path_with_query: String,
    headers: types::Fields,
    client: Option<types::Client>,
    tls: Option<types::Tls>,
    trace: Option<types::TraceContext>,
    route: Arc<MatchedRoute>,
    #[component(name = "request-id")]
    request_id: Arc<str>,
    body: Body,
}

impl Request {
    pub(super) fn new(head: &CallHead, body: Body) -> Self {
        let parts = &head.parts;
        Self {
            method: method(&parts.method),
            scheme: match parts.extensions.get::<Scheme>() {
                Some(scheme) if *scheme == Scheme::HTTPS => types::Scheme::Https,
                _ => types::Scheme::Http,
            },
            protocol: protocol(parts.version),
            authority: head.authority.clone(),
            path_with_query: parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            headers: fields::pack(&parts.headers),
            client: head.client.map(client),
            tls: parts.extensions.get::<Session>().map(tls),
            // This server traces nothing.
            trace: None,
            route: head.route.clone(),
            request_id: head.request_id.clone(),
            body,
        }
    }
}

fn method(method: &Method) -> types::Method {
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

fn protocol(version: Version) -> types::Protocol {
    match version {
        Version::HTTP_2 => types::Protocol::Http2,
        Version::HTTP_3 => types::Protocol::Http3,
        Version::HTTP_11 => types::Protocol::Http11,
        _ => types::Protocol::Http10,
    }
}

fn tls(session: &Session) -> types::Tls {
    let certificate = session
        .certificate()
        .map(|shown| types::ClientCertificate { subject: shown.subject.clone(), der: shown.der.clone() });
    types::Tls { server_name: session.server_name().map(str::to_owned), certificate }
}

fn client(client: SocketAddr) -> types::Client {
    let address = match client.ip().to_canonical() {
        IpAddr::V4(ip) => types::IpAddress::Ipv4(ip.octets().into()),
        IpAddr::V6(ip) => types::IpAddress::Ipv6(ip.segments().into()),
    };
    types::Client { address, port: client.port() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_size_that_the_sdk_gives_back() {
        // `REQUEST` in `guest-handlers/sdk/src/service/patchboard/export.rs`.
        assert_eq!((Request::SIZE32, Request::ALIGN32), (208, 8));
    }
}
