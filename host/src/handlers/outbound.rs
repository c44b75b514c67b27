//! Outbound HTTP: granted origins only, over pooled connections.
//!
//! A client belongs to a core, since its connections are driven by the core's
//! runtime; all instances of the core share it. `http://self` is this server. A name
//! that resolves to a private address is refused: who means such an address lists it.

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
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::load::Handler;
use crate::config::{OriginPattern, SELF_HOST};

/// The longest a guest may let an outbound step take.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const IDLE_CONNECTIONS: usize = 32;
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

type Result<T> = std::result::Result<T, Error>;
type Completion = Box<dyn Future<Output = Result<()>> + Send>;

/// A core's pool of outbound connections.
#[derive(Debug, Clone)]
pub(super) struct OutboundClient {
    client: Client<HttpsConnector<HttpConnector<Resolver>>, WasiBody>,
    self_address: Option<SocketAddr>,
}

impl OutboundClient {
    pub(super) fn new(self_address: Option<SocketAddr>) -> Self {
        let mut http = HttpConnector::new_with_resolver(Resolver);
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(LONGEST_WAIT));
        let connector = HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build(connector);
        Self { client, self_address }
    }
}

/// An instance's power to send requests.
pub(super) struct Outbound {
    handler: Arc<str>,
    granted: Arc<[OriginPattern]>,
    permits: Arc<Semaphore>,
    client: OutboundClient,
    requests: u64,
}

impl Outbound {
    pub(super) fn new(handler: &Handler, client: OutboundClient) -> Self {
        Self {
            handler: handler.shared_name(),
            granted: handler.outbound(),
            permits: handler.outbound_calls(),
            client,
            requests: 0,
        }
    }

    /// How many requests have been sent so far.
    pub(super) fn requests(&self) -> u64 {
        self.requests
    }

    fn check(&self, request: &mut Request<WasiBody>) -> Result<()> {
        let uri = request.uri();
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(Error::HttpRequestUriInvalid);
        };
        if !self.granted.iter().any(|origin| origin.covers(scheme, authority)) {
            let handler = &self.handler;
            tracing::warn!(
                %handler,
                "outbound request to {scheme}://{authority} is not granted; \
                 add outbound = [\"{scheme}://{authority}\"] to [handlers.{handler}]"
            );
            return Err(Error::HttpRequestDenied);
        }
        if authority.host() == SELF_HOST {
            self.to_self(request)?;
        }
        Ok(())
    }

    fn to_self(&self, request: &mut Request<WasiBody>) -> Result<()> {
        let mut address = self.client.self_address.ok_or(Error::DestinationUnavailable)?;
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
}

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        sent: Box<dyn Future<Output = Result<()>> + Send>,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Completion)>> + Send> {
        self.requests += 1;
        if let Err(error) = self.check(&mut request) {
            return Box::new(std::future::ready(Err(error)));
        }
        let options = options.unwrap_or_default();
        let client = self.client.client.clone();
        let (handler, permits) = (self.handler.clone(), self.permits.clone());
        Box::new(async move {
            // Whatever the guest's response stream reports is of no use to the server.
            drop(sent);
            let wait = |asked: Option<Duration>| asked.unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
            let permit = tokio::time::timeout(wait(options.connect_timeout), permits.acquire_owned());
            let Ok(Ok(permit)) = permit.await else {
                tracing::warn!(%handler, "limits.outbound_calls outbound requests are under way");
                return Err(Error::ConnectionLimitReached);
            };
            let origin = request.uri().authority().map(ToString::to_string).unwrap_or_default();
            let response = tokio::time::timeout(wait(options.first_byte_timeout), client.request(request));
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

/// Resolves names and refuses those that lead to private addresses.
#[derive(Debug, Clone)]
struct Resolver;

impl tower_service::Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0))
                .await
                .map_err(|error| io::Error::new(io::ErrorKind::NotFound, error))?;
            let local = name.as_str() == "localhost";
            let addresses: Vec<_> = found.filter(|address| local || !is_private(address.ip())).collect();
            if addresses.is_empty() {
                let text =
                    format!("{} leads to private addresses only; list the address itself", name.as_str());
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
            }
            Ok(addresses.into_iter())
        })
    }
}

/// Whether an address is not of the public internet (RFC 6890).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_broadcast()
                || ip.is_multicast()
                || ip.is_documentation()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && ip.octets()[2] == 0)
                || (a == 198 && (18..20).contains(&b))
        }
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => is_private(IpAddr::V4(ip)),
            None => {
                let first = ip.segments()[0];
                ip.is_loopback()
                    || ip.is_unspecified()
                    || ip.is_multicast()
                    || ip.is_unique_local()
                    || ip.is_unicast_link_local()
                    // Translated and tunnelled IPv4: 64:ff9b::/96, 2002::/16.
                    || (first == 0x64 && ip.segments()[1] == 0xff9b)
                    || first == 0x2002
                    || ip.segments()[..6] == [0; 6]
            }
        },
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses() {
        for (address, expected) in [
            ("127.0.0.1", true),
            ("10.1.2.3", true),
            ("172.16.0.1", true),
            ("192.168.1.1", true),
            ("169.254.169.254", true),
            ("100.64.0.1", true),
            ("0.0.0.0", true),
            ("224.0.0.1", true),
            ("::1", true),
            ("fe80::1", true),
            ("fd00::1", true),
            ("::ffff:10.0.0.1", true),
            ("64:ff9b::a00:1", true),
            ("::7f00:1", true),
            ("1.1.1.1", false),
            ("172.32.0.1", false),
            ("2606:4700::1111", false),
        ] {
            assert_eq!(is_private(address.parse().unwrap()), expected, "{address}");
        }
    }
}
