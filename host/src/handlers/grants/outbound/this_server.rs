//! Requests to this very server, which stay in the process: a connection to it is a
//! pipe whose other end the core serves like any connection it was given.
//!
//! So what comes to it is framed, routed, limited and logged as if it came by the
//! network, and saves only the network.

use std::future::Ready;
use std::io;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio::sync::mpsc::UnboundedSender;
use tower_service::Service;

use super::pipe::Pipe;

/// Where a core takes the connections that its own handlers make. How many there are is
/// bounded by `outbound_calls` of the handlers.
pub type SelfConnections = UnboundedSender<DuplexStream>;

/// Makes connections to the core.
#[derive(Debug, Clone)]
pub(super) struct SelfConnector(pub(super) SelfConnections);

impl Service<Uri> for SelfConnector {
    type Response = TokioIo<Pipe>;
    type Error = io::Error;
    type Future = Ready<io::Result<TokioIo<Pipe>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let (ours, theirs) = Pipe::new();
        // A core that has ended takes none any more.
        let given = self.0.send(theirs).map_err(|_| io::ErrorKind::ConnectionRefused.into());
        std::future::ready(given.map(|()| TokioIo::new(ours)))
    }
}
