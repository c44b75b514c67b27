//! Connecting to an origin: TCP, TLS where it is asked for, HTTP/2 where the server
//! chooses it (ALPN, RFC 7301), in as much time as the guest has asked for.

use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;
use tower_service::Service;

use super::resolver::Resolver;

/// The longest a guest may let an outbound step take.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(60);

tokio::task_local! {
    /// How long the request that is being sent lets a connection take to be made.
    pub(super) static CONNECT_TIMEOUT: Duration;
}

/// Makes connections, each in the time its request has for it.
#[derive(Debug, Clone)]
pub(super) struct Connector(HttpsConnector<HttpConnector<Resolver>>);

impl Connector {
    pub(super) fn new() -> Self {
        let mut http = HttpConnector::new_with_resolver(Resolver);
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(LONGEST_WAIT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls().clone())
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(http);
        Self(connector)
    }
}

/// The machine's certificates, since the operator may have some of his own (they are
/// those of `SSL_CERT_FILE` where it is set); where there are none, those of Mozilla.
fn tls() -> &'static ClientConfig {
    static TLS: OnceLock<ClientConfig> = OnceLock::new();
    TLS.get_or_init(|| {
        let builder = ClientConfig::builder();
        match builder.clone().with_native_roots() {
            Ok(builder) => builder,
            Err(_) => builder.with_webpki_roots(),
        }
        .with_no_client_auth()
    })
}

impl Service<Uri> for Connector {
    type Response = <HttpsConnector<HttpConnector<Resolver>> as Service<Uri>>::Response;
    type Error = Box<dyn StdError + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let timeout = CONNECT_TIMEOUT.try_with(|timeout| *timeout).unwrap_or(LONGEST_WAIT);
        let connecting = self.0.call(uri);
        Box::pin(async move {
            match tokio::time::timeout(timeout, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn a_connection_takes_no_longer_than_its_request_allows() {
        // Whoever comes when the backlog is full is not answered.
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        socket.listen(0).unwrap();
        let listener = TcpListener::from(socket);
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
            waiting.push(stream);
        }
        let uri: Uri = format!("http://{address}/").parse().unwrap();
        let connecting = async { Connector::new().call(uri).await };
        let connected = CONNECT_TIMEOUT.scope(Duration::from_millis(50), connecting).await;
        let error = connected.err().and_then(|error| error.downcast::<io::Error>().ok()).unwrap();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
