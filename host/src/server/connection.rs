//! One connection: hyper's HTTP/1.1 behind the framing guard, within its limits.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::TcpStream;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{HeaderValue, Response, Version};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::client::Client;
use super::clock::{Clock, Ended};
use super::events::Ending;
use super::guard::{Guard, HeadLimits, Watch, refusal};
use super::phase::Phase;
use super::serving::Serving;
use super::transport::Transport;
use crate::upload::Upload;

/// How long a drain waits for the first request of a connection, and for the rest of
/// a head; browsers open connections they may never use.
const FIRST_REQUEST: Duration = Duration::from_millis(500);

/// How long a drain lets a client send what nobody reads.
const LAST_BYTES: Duration = Duration::from_secs(1);

/// The accepted socket as this core's.
pub(super) fn open(stream: TcpStream) -> std::io::Result<tokio::net::TcpStream> {
    // A response that is written in parts, such as server-sent events, must not
    // wait for the client's delayed acknowledgement.
    stream.set_nodelay(true).ok();
    tokio::net::TcpStream::from_std(stream)
}

pub(super) async fn serve<T: Transport>((stream, client): (T, Client), watch: Rc<Watch>, serving: Serving) {
    let Serving { core, dispatch, mut phases, limits, .. } = serving;
    let peer = client.peer;
    let guard = Guard::new(stream, HeadLimits::new(limits.head_bytes), watch.clone());
    let draining = phases.clone();
    let served = Cell::new(0);
    let is_last = Cell::new(false);
    let service = service_fn(|request| async {
        let (mut request, rest) = Upload::of(request);
        let is_old = request.version() == Version::HTTP_10;
        client.sign(&mut request, T::IS_OWN);
        let Ok(mut response) = dispatch.dispatch(&core, request, peer).await;
        served.set(served.get() + 1);
        let is_open_ended =
            is_old && response.body().is_streaming() && !response.headers().contains_key(CONTENT_LENGTH);
        watch.set_open_ended(is_open_ended);
        let ends = match rest {
            Some(rest) => rest.ends_connection().await,
            None => false,
        };
        is_last.set(ends || served.get() >= limits.requests);
        if is_open_ended {
            // Else hyper, which takes the connection for one that is kept, would say so.
            *response.version_mut() = Version::HTTP_10;
        }
        if is_last.get() || is_open_ended {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let (head, body) = response.into_parts();
        let body = Ending::new(watch.count(body), &head.headers, &draining, limits.drain_events_timeout);
        Ok::<_, Infallible>(Response::from_parts(head, body))
    });
    let mut connection = http1::Builder::new()
        // The guard looks at the clock; hyper would make a timer for each request.
        .header_read_timeout(None)
        .max_buf_size(limits.head_bytes)
        .serve_connection(TokioIo::new(guard), service);
    let mut clock = Clock { timer: pin!(tokio::time::sleep(limits.shortest())), limits };
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
        Ended::Stuck => {
            tracing::debug!(%peer, "the client takes nothing for write_timeout; connection closed");
            connection.into_parts().io.into_inner().into_inner().resets(true);
            return;
        }
        Ended::Hyper(Ok(())) => {}
        Ended::Hyper(Err(error)) => {
            tracing::debug!(%error, %peer, "connection ended");
            if error.is_user() && watch.is_open_ended() {
                return;
            }
        }
    }
    let guard = connection.into_parts().io.into_inner();
    let is_in_body = guard.is_in_body();
    let mut stream = guard.into_inner();
    let lingers = match watch.take_refusal() {
        Some(refusal) => {
            let refused = refusal.refused();
            let method = refused.method.clone();
            refusal::answer(&mut stream, dispatch.refuse(refused, peer), method.as_ref()).await
        }
        None => watch.is_broken() || is_last.get() || is_in_body,
    };
    if lingers {
        watch.linger();
        tokio::select! {
            () = refusal::drain(&mut stream) => {}
            draining = phases.wait_for(|phase| *phase != Phase::Serving) => {
                drop(draining);
                tokio::time::timeout(LAST_BYTES, refusal::drain(&mut stream)).await.ok();
            }
        }
    }
}
