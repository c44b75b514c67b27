//! The probes on a listener of their own, which the control thread serves, so that
//! they need no core, and no place among the connections.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::dispatch::Dispatch;

/// Connections at once; for a further one, the one that is there for longest is closed.
const PROBES: usize = 64;
/// From the connection of a probe to the end of its answer.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long is waited after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers probes for as long as the runtime lives.
pub(super) async fn serve(listener: TcpListener, dispatch: Arc<Dispatch>) {
    let mut open = VecDeque::<AbortHandle>::new();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                open.retain(|probe| !probe.is_finished());
                // A probe is answered as soon as it has asked, so who is there for longest is silent.
                if open.len() >= PROBES
                    && let Some(silent) = open.pop_front()
                {
                    silent.abort();
                }
                let answer = tokio::time::timeout(PROBE_TIMEOUT, answer(stream, peer, dispatch.clone()));
                open.push_back(tokio::spawn(answer).abort_handle());
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a probe; trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// One request of a connection.
async fn answer(stream: TcpStream, peer: SocketAddr, dispatch: Arc<Dispatch>) {
    let service =
        service_fn(|request| std::future::ready(Ok::<_, Infallible>(dispatch.answer_probe(&request, peer))));
    let connection = http1::Builder::new()
        .keep_alive(false)
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, %peer, "probe ended");
    }
}
