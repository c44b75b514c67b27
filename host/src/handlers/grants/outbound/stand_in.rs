//! Requests to others that never reach the network: whoever tests handlers takes the
//! connections, and answers in the place of those servers.
//!
//! What a handler is granted holds as it does elsewhere; but no name is looked up, and `https` is
//! not encrypted.

use std::future::Ready;
use std::io;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio::sync::mpsc::UnboundedSender;
use tower_service::Service;

use super::pipe::Pipe;

/// Where the connections come to. How many there are is bounded by `outbound_calls` of the
/// handlers.
pub type StandIns = UnboundedSender<StandInConnection>;

/// The other end of a connection to another server.
#[derive(Debug)]
pub struct StandInConnection {
    /// The scheme and the authority that it leads to.
    pub origin: Uri,
    /// What the handler sends, and takes.
    pub stream: DuplexStream,
}

/// Makes connections to whoever stands in.
#[derive(Debug, Clone)]
pub(super) struct StandInConnector(pub(super) StandIns);

impl Service<Uri> for StandInConnector {
    type Response = TokioIo<Pipe>;
    type Error = io::Error;
    type Future = Ready<io::Result<TokioIo<Pipe>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, origin: Uri) -> Self::Future {
        let (ours, stream) = Pipe::new();
        let given = self.0.send(StandInConnection { origin, stream });
        // A test that has ended takes none any more.
        let given = given.map_err(|_| io::ErrorKind::ConnectionRefused.into());
        std::future::ready(given.map(|()| TokioIo::new(ours)))
    }
}
