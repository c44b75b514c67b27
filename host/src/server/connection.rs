//! One connection: hyper's HTTP/1.1 behind the framing guard, within its limits.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::{SocketAddr, TcpStream};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::watch;
use tokio::time::Sleep;

use super::ConnectionLimits;
use super::core::Phase;
use super::guard::{Guard, Limits, Overdue, Watch, refusal};
use crate::dispatch::Dispatch;
use crate::handlers::Core;

/// How long a drain waits for the first request of a connection, and for the rest of
/// a head; browsers open connections they may never use.
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
    let watch = Rc::new(Watch::default());
    let guard = Guard::new(stream, Limits::new(limits.head_bytes), watch.clone());
    let service = service_fn(|request| async {
        let Ok(response) = dispatch.dispatch(core, request, peer).await;
        Ok::<_, Infallible>(response.map(|body| watch.answer(body)))
    });
    let mut connection = http1::Builder::new()
        // The guard looks at the clock; hyper would make a timer for each request.
        .header_read_timeout(None)
        .max_buf_size(limits.head_bytes)
        .serve_connection(TokioIo::new(guard), service);
    let mut clock =
        Clock { timer: pin!(tokio::time::sleep(limits.head_timeout)), limit: limits.head_timeout };
    let ended = tokio::select! {
        // What has arrived is read before a drain ends the connection.
        biased;
        ended = poll_fn(|cx| clock.poll(cx, Pin::new(&mut connection), &watch)) => ended,
        draining = phases.wait_for(|phase| *phase != Phase::Serving) => {
            drop(draining);
            let asked = poll_fn(|cx| match clock.poll(cx, Pin::new(&mut connection), &watch) {
                Poll::Pending if watch.was_asked() && !watch.is_in_head() => Poll::Ready(None),
                ended => ended.map(Some),
            });
            match tokio::time::timeout(FIRST_REQUEST, asked).await {
                Ok(Some(ended)) => ended,
                Ok(None) | Err(_) => {
                    Pin::new(&mut connection).graceful_shutdown();
                    poll_fn(|cx| clock.poll(cx, Pin::new(&mut connection), &watch)).await
                }
            }
        }
    };
    match ended {
        Ended::Idle => return,
        Ended::Hyper(Ok(())) => {}
        Ended::Hyper(Err(error)) => tracing::debug!(%error, %peer, "connection ended"),
    }
    if let Some(refusal) = watch.take_refusal() {
        let stream = connection.into_parts().io.into_inner().into_inner();
        let refused = refusal.refused();
        let method = refused.method.clone();
        refusal::answer(stream, dispatch.refuse(refused, peer), method.as_ref()).await;
    } else if watch.is_broken() {
        refusal::drain(connection.into_parts().io.into_inner().into_inner()).await;
    }
}

/// Why a connection has ended.
enum Ended {
    Hyper(hyper::Result<()>),
    /// The client had nothing to ask.
    Idle,
}

/// One timer for the life of a connection: that it goes off means only that it is
/// time to look.
struct Clock<'t> {
    timer: Pin<&'t mut Sleep>,
    limit: Duration,
}

impl Clock<'_> {
    fn poll<C>(&mut self, cx: &mut Context<'_>, mut connection: Pin<&mut C>, watch: &Watch) -> Poll<Ended>
    where
        C: Future<Output = hyper::Result<()>>,
    {
        loop {
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                return Poll::Ready(Ended::Hyper(ended));
            }
            if watch.nudge() {
                continue;
            }
            ready!(self.timer.as_mut().poll(cx));
            match watch.overdue(self.limit) {
                Overdue::Not(until) => self.timer.as_mut().reset(until),
                Overdue::Idle => return Poll::Ready(Ended::Idle),
                Overdue::Head => {
                    watch.time_out();
                    // In case the guard finds nothing to refuse.
                    self.timer.as_mut().reset(tokio::time::Instant::now() + self.limit);
                }
            }
        }
    }
}
