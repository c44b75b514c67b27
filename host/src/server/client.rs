//! Who is at the other end of a connection.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::Request;

use crate::dispatch::{Own, ToHttps};
use crate::tls::Session;

/// What stands for a client's address where a handler of this server is the client.
const OWN_PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) peer: SocketAddr,
    /// What is known of who speaks TLS.
    session: Option<Session>,
    /// The port of TLS that whatever is asked is redirected to.
    https: Option<u16>,
}

impl Client {
    /// Who speaks without TLS.
    pub(super) fn plain(peer: SocketAddr) -> Self {
        Self { peer, session: None, https: None }
    }

    /// Who speaks TLS.
    pub(super) fn secure(peer: SocketAddr, session: Session) -> Self {
        Self { peer, session: Some(session), https: None }
    }

    /// Who is in this process.
    pub(super) fn inside() -> Self {
        Self::plain(OWN_PEER)
    }

    /// The same, but redirected to where TLS is spoken.
    pub(super) fn sent_to_https(self, port: u16) -> Self {
        Self { https: Some(port), ..self }
    }

    /// Lets a request say whose it is; `is_own` where a handler of this server asks.
    pub(super) fn sign<B>(&self, request: &mut Request<B>, is_own: bool) {
        if is_own {
            request.extensions_mut().insert(Own);
        }
        if let Some(session) = &self.session {
            request.extensions_mut().insert(session.clone());
        }
        if let Some(port) = self.https {
            request.extensions_mut().insert(ToHttps(port));
        }
    }
}
