//! An accepted connection, and what is spoken on it.

use std::rc::Rc;
use std::time::Duration;

use tokio::net::TcpStream;

use super::client::Client;
use super::guard::Watch;
use super::phase::Phase;
use super::serving::Serving;
use super::{connection, handshake, http2};
use crate::config::ListenerConfig;

/// What HTTP/2 begins with (RFC 9113, section 3.4); no other method has this name.
const PREFACE: &[u8] = b"PRI";
/// How often it is looked whether more than a byte or two have come.
const LOOK: Duration = Duration::from_millis(10);

/// What is spoken where a connection was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    /// HTTP/1.1, and before it HTTP/1.0.
    Http1,
    /// Likewise, or HTTP/2, as the client begins.
    Http1Or2,
    /// TLS, and in it either.
    Tls,
    /// HTTP/1.1, to say that it is TLS at this port.
    ToHttps(u16),
}

impl Speaks {
    /// At this listener, where TLS is spoken at the port `https`.
    pub(super) fn at(listener: &ListenerConfig, https: Option<u16>) -> Self {
        match (listener, https) {
            (ListenerConfig { tls: true, .. }, _) => Self::Tls,
            (ListenerConfig { to_https: true, .. }, Some(port)) => Self::ToHttps(port),
            (ListenerConfig { h2c: true, .. }, _) => Self::Http1Or2,
            _ => Self::Http1,
        }
    }
}

/// Serves a connection to its end.
pub(super) async fn serve(
    stream: TcpStream,
    client: Client,
    speaks: Speaks,
    watch: Rc<Watch>,
    mut serving: Serving,
) {
    match speaks {
        Speaks::Http1 => connection::serve((stream, client), watch, serving).await,
        Speaks::ToHttps(port) => {
            connection::serve((stream, client.sent_to_https(port)), watch, serving).await
        }
        Speaks::Http1Or2 => {
            watch.wait(false);
            match begins_http2(&stream, &mut serving).await {
                true => Box::pin(http2::serve((stream, client), watch, serving)).await,
                false => connection::serve((stream, client), watch, serving).await,
            }
        }
        // Boxed, since what it takes is more than most connections need.
        Speaks::Tls => Box::pin(handshake::serve(stream, client.peer, watch, serving)).await,
    }
}

/// Whether what comes begins as HTTP/2 does; not before a few bytes have come, which they have to
/// within the time for a head.
async fn begins_http2(stream: &TcpStream, serving: &mut Serving) -> bool {
    let mut start = [0; PREFACE.len()];
    let begins = async {
        loop {
            match stream.peek(&mut start).await {
                Ok(length) if start.get(..length) != PREFACE.get(..length) => return false,
                Ok(length) if length == PREFACE.len() => return true,
                Ok(1..) => tokio::time::sleep(LOOK).await,
                // Whoever serves it finds the same.
                Ok(0) | Err(_) => return false,
            }
        }
    };
    tokio::select! {
        begins = tokio::time::timeout(serving.limits.head_timeout, begins) => begins.unwrap_or_default(),
        _ = serving.phases.wait_for(|phase| *phase != Phase::Serving) => false,
    }
}
