//! A request on its way: granted, permitted, in time.

use std::error::Error as StdError;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::connect::Connect;
use hyper_util::client::legacy::{Client, ResponseFuture};
use wasmtime_wasi_http::WasiBody;

use super::connect::{CONNECT_TIMEOUT, LONGEST_WAIT};
use super::origin::is_self;
use super::response::ResponseBody;
use super::{Granted, Origins, Others, OutboundClient};
use crate::fields::{self, Named};
use crate::forwarded::Told;
use crate::handlers::grants::logging::{FRAME_BYTES, Log, NAME_BYTES, cut};

/// What the log has for the id of a request where a call's is not known.
const NOBODY: &str = "-";

/// An instance's power to send requests.
pub(in crate::handlers) struct Outbound {
    granted: Origins,
    client: OutboundClient,
    log: Log,
    requests: u64,
    /// The id of the request whose call the instance has, where it has one at a time.
    only: Option<Arc<str>>,
}

tokio::task_local! {
    /// The id of the request in whose call `wasi:http` sends one, where several share the
    /// instance.
    static CALL: Option<Arc<str>>;
}

/// `sending`, which is what the call of the request `id` does.
pub(in crate::handlers) fn of_call<F: Future>(
    id: Option<Arc<str>>,
    sending: F,
) -> impl Future<Output = F::Output> {
    CALL.scope(id, sending)
}

/// How long may be waited; none is the longest there is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Timeouts {
    pub(super) connect: Option<Duration>,
    pub(super) first_byte: Option<Duration>,
    pub(super) between_bytes: Option<Duration>,
}

/// Why there is no response.
#[derive(Debug)]
pub(super) enum Failure {
    /// The URL cannot be asked for.
    InvalidUrl,
    /// The origin was not granted.
    NotGranted(String),
    /// There is no server here.
    NoServer,
    /// No place became free in time.
    TooManyRequests,
    /// No head came in time.
    FirstByte,
    /// The client's.
    Client(hyper_util::client::legacy::Error),
}

impl Outbound {
    /// Of an instance, to the origins that its handler was granted.
    pub(in crate::handlers) fn new(granted: Origins, client: OutboundClient, log: Log) -> Self {
        Self { granted, client, log, requests: 0, only: None }
    }

    /// The instance's only call is that of the request `id`.
    pub(in crate::handlers) fn begin(&mut self, id: &Arc<str>) {
        self.only = Some(id.clone());
    }

    /// The id of the request whose call is sending one, as far as `wasi:http` can tell.
    pub(super) fn caller(&self) -> Option<Arc<str>> {
        CALL.try_with(Option::clone).ok().flatten().or_else(|| self.only.clone())
    }

    /// How many requests have been sent so far.
    pub(in crate::handlers) fn requests(&self) -> u64 {
        self.requests
    }

    /// Sends `request` for the call of the request `caller`; nothing happens before the future
    /// is polled.
    pub(super) fn send(
        &mut self,
        request: Request<WasiBody>,
        timeouts: Timeouts,
        caller: Option<Arc<str>>,
    ) -> impl Future<Output = Result<Response<ResponseBody>, Failure>> + Send + use<> {
        self.requests += 1;
        let origin = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let response = self.start(request, caller.as_deref());
        let Granted { handler, permits, .. } = &*self.granted;
        let (handler, permits, log) = (handler.clone(), permits.clone(), self.log.clone());
        async move {
            let request_id = caller.as_deref().unwrap_or(NOBODY);
            let (response, again) = response?;
            let wait = |asked: Option<Duration>| asked.unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
            let connect = wait(timeouts.connect);
            let Ok(Ok(permit)) = tokio::time::timeout(connect, permits.take()).await else {
                if log.admit(&handler, FRAME_BYTES) {
                    tracing::warn!(%handler, request_id, "limits.outbound_calls outbound requests are under way");
                }
                return Err(Failure::TooManyRequests);
            };
            let response = CONNECT_TIMEOUT.scope(connect, async {
                match (response.await, again) {
                    (Err(error), Some(again)) if is_lost(&error) => again().await,
                    (outcome, _) => outcome,
                }
            });
            match tokio::time::timeout(wait(timeouts.first_byte), response).await {
                Ok(Ok(mut response)) => {
                    let between_bytes = wait(timeouts.between_bytes);
                    let named = Named::by(response.headers());
                    fields::strip(response.headers_mut());
                    fields::unite_lengths(response.headers_mut());
                    Ok(response.map(|body| ResponseBody::new(body, between_bytes, named, permit)))
                }
                Ok(Err(error)) => {
                    let (origin, cause) = (cut(&origin, NAME_BYTES), root_cause(&error));
                    let cause = cut(&cause, NAME_BYTES);
                    if log.admit(&handler, FRAME_BYTES + origin.len() + cause.len()) {
                        tracing::warn!(
                            %handler,
                            request_id,
                            "outbound request to {origin} failed: {error}: {cause}"
                        );
                    }
                    Err(Failure::Client(error))
                }
                Err(_) => Err(Failure::FirstByte),
            }
        }
    }

    /// The response to `request` as it will come, if the origin is granted.
    fn start(
        &self,
        mut request: Request<WasiBody>,
        caller: Option<&str>,
    ) -> Result<(ResponseFuture, Option<Again>), Failure> {
        let uri = request.uri();
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(Failure::InvalidUrl);
        };
        // RFC 9110, section 4.2.4: what is before the host is no part of a request, and Host would
        // tell it.
        if authority.as_str().contains('@') {
            return Err(Failure::InvalidUrl);
        }
        let Granted { handler, origins, .. } = &*self.granted;
        if !origins.iter().any(|origin| origin.covers(scheme, authority)) {
            let origin = format!("{scheme}://{authority}");
            let shown = cut(&origin, NAME_BYTES);
            if self.log.admit(handler, FRAME_BYTES + 2 * shown.len()) {
                tracing::warn!(
                    %handler,
                    request_id = caller.unwrap_or(NOBODY),
                    "outbound request to {shown} is not granted; add outbound = [\"{shown}\"] to [handlers.{handler}]"
                );
            }
            return Err(Failure::NotGranted(origin));
        }
        if !is_self(authority) {
            return Ok(match &self.client.others {
                Others::Network(client) => ask(client, request),
                Others::StandIns(client) => ask(client, request),
            });
        }
        let (client, address) = self.client.this_server.as_ref().ok_or(Failure::NoServer)?;
        address_to(*address, &mut request).ok_or(Failure::InvalidUrl)?;
        Told::write_own(request.headers_mut(), handler, caller);
        Ok(ask(client, request))
    }
}

/// Sends a request once more.
type Again = Box<dyn FnOnce() -> ResponseFuture + Send>;

/// The response as it will come, and how the request is sent again if its connection was being
/// closed: only one that is safe, and has no body (RFC 9112, section 9.3.1; RFC 9110, section
/// 9.2.2).
fn ask<C: Connect + Clone + Send + Sync + 'static>(
    client: &Client<C, WasiBody>,
    request: Request<WasiBody>,
) -> (ResponseFuture, Option<Again>) {
    let again = (request.method().is_safe() && request.body().is_end_stream()).then(|| {
        let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
        let mut same = Request::new(body);
        *same.method_mut() = request.method().clone();
        *same.uri_mut() = request.uri().clone();
        *same.version_mut() = request.version();
        *same.headers_mut() = request.headers().clone();
        let client = client.clone();
        Box::new(move || client.request(same)) as Again
    });
    (client.request(request), again)
}

/// Whether the server has closed the connection instead of answering, as one does that has kept
/// it for long enough when the request was on its way.
fn is_lost(error: &hyper_util::client::legacy::Error) -> bool {
    let mut causes = std::iter::successors(StdError::source(error), |&cause| cause.source());
    !error.is_connect()
        && causes.any(|cause| {
            cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message)
                || cause.downcast_ref::<io::Error>().is_some_and(|error| {
                    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
                })
        })
}

/// Addresses `request` as who calls from outside would.
fn address_to(mut address: SocketAddr, request: &mut Request<WasiBody>) -> Option<()> {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    let authority = address.to_string();
    let host = HeaderValue::try_from(&authority).ok()?;
    let authority: Authority = authority.parse().ok()?;
    let mut parts = request.uri().clone().into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority);
    parts.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from_parts(parts).ok()?;
    request.headers_mut().insert(http::header::HOST, host);
    Some(())
}

pub(super) fn root_cause(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |&cause| cause.source())
        .last()
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// What kind of I/O error is behind it, if one that says something: one of TLS is
/// `InvalidData`.
pub(super) fn io_kind(error: &hyper_util::client::legacy::Error) -> Option<io::ErrorKind> {
    let mut next = StdError::source(error);
    while let Some(cause) = next {
        if cause.is::<rustls::Error>() {
            return Some(io::ErrorKind::InvalidData);
        }
        next = match cause.downcast_ref::<io::Error>() {
            Some(io) if SAYING.contains(&io.kind()) => return Some(io.kind()),
            // Its own source is what is behind the error in it.
            Some(io) => io.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
            None => cause.source(),
        };
    }
    None
}

/// Kinds that say something of a request.
const SAYING: [io::ErrorKind; 5] = [
    io::ErrorKind::ConnectionRefused,
    io::ErrorKind::InvalidData,
    io::ErrorKind::NotFound,
    io::ErrorKind::PermissionDenied,
    io::ErrorKind::TimedOut,
];
