//! Who is at the other end of a connection.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::Request;

use crate::dispatch::Own;
use crate::tls::Session;

/// What stands for a client's address where a handler of this server is the client.
const OWN_PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) peer: SocketAddr,
    /// What is known of who speaks TLS.
    session: Option<Session>,
}

impl Client {
    /// Who speaks without TLS.
    pub(super) fn plain(peer: SocketAddr) -> Self {
        Self { peer, session: None }
    }

    /// Who speaks TLS.
    pub(super) fn secure(peer: SocketAddr, session: Session) -> Self {
        Self { peer, session: Some(session) }
    }

    /// Who is in this process.
    pub(super) fn inside() -> Self {
        Self::plain(OWN_PEER)
    }

    /// Lets a request say whose it is; `is_own` where a handler of this server asks.
    pub(super) fn sign<B>(&self, request: &mut Request<B>, is_own: bool) {
        if is_own {
            request.extensions_mut().insert(Own);
        }
        if let Some(session) = &self.session {
            request.extensions_mut().insert(session.clone());
        }
    }
}
