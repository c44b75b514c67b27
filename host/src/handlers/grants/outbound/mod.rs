//! Outbound HTTP: granted origins only, over pooled connections.
//!
//! A client belongs to a core, since its connections are driven by the core's
//! runtime; all instances of the core share it. `http://self` is this server, without
//! the network between. A name that resolves to a private address is refused: who means
//! such an address lists it.

mod connect;
pub(super) mod host;
pub(crate) mod keys;
mod origin;
mod resolver;
mod this_server;

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use self::connect::{CONNECT_TIMEOUT, Connector, LONGEST_WAIT};
use self::origin::{OriginPattern, SELF_HOST};
pub use self::this_server::SelfConnections;
use self::this_server::SelfConnector;
use super::grant::{Grant, Grantee, Wanted};

const IDLE_CONNECTIONS: usize = 32;
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

type Result<T> = std::result::Result<T, Error>;
type Completion = Box<dyn Future<Output = Result<()>> + Send>;

/// A core's pool of outbound connections.
#[derive(Debug, Clone)]
pub(in crate::handlers) struct OutboundClient {
    client: Client<Connector, WasiBody>,
    this_server: Option<(Client<SelfConnector, WasiBody>, SocketAddr)>,
}

impl OutboundClient {
    /// For a core; `this_server` takes its connections to itself, which as others see it is at
    /// `self_address`.
    pub(in crate::handlers) fn new(this_server: Option<(SelfConnections, SocketAddr)>) -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS);
        let client = builder.build(Connector::new());
        let this_server = this_server.map(|(to, address)| (builder.build(SelfConnector(to)), address));
        Self { client, this_server }
    }
}

/// The origins that a handler was granted.
pub(in crate::handlers) type Origins = Arc<Granted>;

/// What the instances of a handler share.
pub(in crate::handlers) struct Granted {
    handler: Arc<str>,
    origins: Vec<OriginPattern>,
    /// A permit for each request at once.
    permits: Arc<Semaphore>,
}

impl Grant for Origins {
    const IMPORTS: &'static [&'static str] = &["wasi:http/client@", "wasi:http/outgoing-handler@"];
    type Shared = ();

    fn check_shared(wanted: &Wanted<'_>) -> std::result::Result<(), String> {
        match wanted.list(|name| name.starts_with("wasi:http/") && name.contains("@0.2.")) {
            Some(list) => Err(wanted.would_hold(&list, "wasi:http 0.3's client")),
            None => Ok(()),
        }
    }

    fn grant(to: &Grantee<'_>, _: &()) -> Self {
        Arc::new(Granted {
            handler: to.handler.into(),
            origins: to.config.outbound.origins.clone(),
            permits: Arc::new(Semaphore::new(to.config.outbound.calls as usize)),
        })
    }
}

/// An instance's power to send requests.
pub(in crate::handlers) struct Outbound {
    granted: Origins,
    client: OutboundClient,
    requests: u64,
}

impl Outbound {
    /// Of an instance, to the origins that its handler was granted.
    pub(in crate::handlers) fn new(granted: Origins, client: OutboundClient) -> Self {
        Self { granted, client, requests: 0 }
    }

    /// How many requests have been sent so far.
    pub(in crate::handlers) fn requests(&self) -> u64 {
        self.requests
    }

    /// The response to `request` as it will come, if the origin is granted.
    fn start(&self, mut request: Request<WasiBody>) -> Result<ResponseFuture> {
        let uri = request.uri();
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(Error::HttpRequestUriInvalid);
        };
        let Granted { handler, origins, .. } = &*self.granted;
        if !origins.iter().any(|origin| origin.covers(scheme, authority)) {
            tracing::warn!(
                %handler,
                "outbound request to {scheme}://{authority} is not granted; \
                 add outbound = [\"{scheme}://{authority}\"] to [handlers.{handler}]"
            );
            return Err(Error::HttpRequestDenied);
        }
        if authority.host() != SELF_HOST {
            return Ok(self.client.client.request(request));
        }
        let (client, address) = self.client.this_server.as_ref().ok_or(Error::DestinationUnavailable)?;
        address_to(*address, &mut request)?;
        Ok(client.request(request))
    }
}

/// Addresses `request` as who calls from outside would.
fn address_to(mut address: SocketAddr, request: &mut Request<WasiBody>) -> Result<()> {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
        });
    }
    let authority = address.to_string();
    let host = HeaderValue::try_from(&authority).map_err(|_| Error::HttpRequestUriInvalid)?;
    let authority: Authority = authority.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    let mut parts = request.uri().clone().into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority);
    parts.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| Error::HttpRequestUriInvalid)?;
    request.headers_mut().insert(http::header::HOST, host);
    Ok(())
}

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        sent: Box<dyn Future<Output = Result<()>> + Send>,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Completion)>> + Send> {
        self.requests += 1;
        let origin = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        // Nothing happens before it is polled.
        let response = match self.start(request) {
            Ok(response) => response,
            Err(error) => return Box::new(std::future::ready(Err(error))),
        };
        let options = options.unwrap_or_default();
        let Granted { handler, permits, .. } = &*self.granted;
        let (handler, permits) = (handler.clone(), permits.clone());
        Box::new(async move {
            // Whatever the guest's response stream reports is of no use to the server.
            drop(sent);
            let wait = |asked: Option<Duration>| asked.unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
            let connect = wait(options.connect_timeout);
            let Ok(Ok(permit)) = tokio::time::timeout(connect, permits.acquire_owned()).await else {
                tracing::warn!(%handler, "limits.outbound_calls outbound requests are under way");
                return Err(Error::ConnectionLimitReached);
            };
            let response = CONNECT_TIMEOUT.scope(connect, response);
            let response = tokio::time::timeout(wait(options.first_byte_timeout), response);
            let response = match response.await {
                Ok(Ok(response)) => response,
                Ok(Err(error)) => {
                    let cause = root_cause(&error);
                    tracing::warn!(%handler, "outbound request to {origin} failed: {error}: {cause}");
                    return Err(explain(&error));
                }
                Err(_) => return Err(Error::HttpResponseTimeout),
            };
            let between = wait(options.between_bytes_timeout);
            let response = response.map(|body| Paced::new(body, between, permit).boxed_unsync());
            Ok((response, Box::new(std::future::ready(Ok(()))) as Completion))
        })
    }
}

fn root_cause(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |error| error.source())
        .last()
        .map(ToString::to_string)
        .unwrap_or_default()
}

fn explain(error: &hyper_util::client::legacy::Error) -> Error {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            match io.kind() {
                io::ErrorKind::ConnectionRefused => return Error::ConnectionRefused,
                io::ErrorKind::TimedOut => return Error::ConnectionTimeout,
                io::ErrorKind::PermissionDenied => return Error::DestinationIpProhibited,
                io::ErrorKind::NotFound => return Error::DnsError { rcode: None, info_code: None },
                io::ErrorKind::InvalidData => return Error::TlsProtocolError,
                _ => {}
            }
        }
        source = error.source();
    }
    if error.is_connect() { Error::DestinationUnavailable } else { Error::ConnectionTerminated }
}

/// A response body that may pause only so long between two frames; to its end the
/// request counts as under way.
struct Paced<B> {
    body: B,
    limit: Duration,
    pause: Option<Pin<Box<Sleep>>>,
    _permit: OwnedSemaphorePermit,
}

impl<B> Paced<B> {
    fn new(body: B, limit: Duration, permit: OwnedSemaphorePermit) -> Self {
        Self { body, limit, pause: None, _permit: permit }
    }
}

impl<B> Body for Paced<B>
where
    B: Body<Data = Bytes, Error = hyper::Error> + Unpin,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.pause = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Error::Hyper)));
        }
        let limit = self.limit;
        let pause = self.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        pause.as_mut().poll(cx).map(|()| Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
