//! One connection: hyper's HTTP/1.1, within its limits.

use std::cell::Cell;
use std::net::{SocketAddr, TcpStream};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::watch;

use super::ConnectionLimits;
use super::core::Phase;
use crate::dispatch::Dispatch;
use crate::handlers::Core;

/// How long a drain waits for the first request of a connection, which hyper would
/// wait for without end; browsers open connections they may never use.
const FIRST_REQUEST: Duration = Duration::from_millis(500);

pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    limits: ConnectionLimits,
    core: &Rc<Core>,
    dispatch: &Dispatch,
    mut phases: watch::Receiver<Phase>,
) {
    // A response that is written in parts, such as server-sent events, must not
    // wait for the client's delayed acknowledgement.
    stream.set_nodelay(true).ok();
    let stream = match tokio::net::TcpStream::from_std(stream) {
        Ok(stream) => stream,
        Err(error) => {
            tracing::warn!(%error, %peer, "cannot serve a connection");
            return;
        }
    };
    let asked = Cell::new(false);
    let service = service_fn(|request| {
        asked.set(true);
        dispatch.dispatch(core, request, peer)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(limits.head_bytes)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        draining = phases.wait_for(|phase| *phase != Phase::Serving) => {
            drop(draining);
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = unasked(&asked) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "connection ended");
    }
}

/// Resolves where a connection that is being drained still has not asked for anything.
async fn unasked(asked: &Cell<bool>) {
    tokio::time::sleep(FIRST_REQUEST).await;
    if asked.get() {
        std::future::pending::<()>().await;
    }
}
