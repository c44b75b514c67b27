//! One connection of HTTP/2 (RFC 9113), within its limits.
//!
//! h2 holds it to the protocol: settings, flow control, header lists, frames that flood. Here is
//! what holds for its requests, each of which is a stream with a task of its own.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use http::header::{ACCEPT, COOKIE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::client::Client;
use super::clock::{Clock, Ended};
use super::events::Ending;
use super::guard::{CountedBody, Watch, is_path_with_query};
use super::meter::Meter;
use super::phase::Phase;
use super::serving::Serving;
use super::streams::{Flowing, Streams};
use super::transport::Transport;
use crate::dispatch::{Dispatch, LoggedBody, Refused};
use crate::upload::Upload;

/// What of the body of a request may be on its way without being read, and of all of a
/// connection, in bytes: each may take so much memory.
const STREAM_WINDOW: u32 = 128 << 10;
const CONNECTION_WINDOW: u32 = 256 << 10;
/// What of the body of a response is with h2, in bytes.
const SEND_BUFFER: usize = 64 << 10;
/// Streams that the client has reset before they were looked at, and that are still known
/// (CVE-2023-44487).
const PENDING_RESETS: usize = 32;
/// Requests that a client may take back before they are answered, beside half of those that were:
/// each costs this server more than the client.
const RESETS: u64 = 128;
/// Fields of a head, as in HTTP/1.1.
const FIELDS: usize = 100;
/// How long a client that has nothing to ask may take to say so too.
const FAREWELL: Duration = Duration::from_secs(1);

/// The body of a response as h2 takes it.
type Answer = Response<Flowing>;

pub(super) async fn serve<T: Transport>((stream, client): (T, Client), watch: Rc<Watch>, serving: Serving) {
    let limits = serving.limits;
    let mut phases = serving.phases.clone();
    let served = Rc::new(Cell::new(0));
    let service = service_fn(|request| {
        served.set(served.get() + 1);
        answer(request, Begun::new(&watch), client.clone(), serving.clone())
    });
    let mut connection = pin!(
        http2::Builder::new(Streams::new(limits.write_timeout))
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(PENDING_RESETS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .serve_connection(TokioIo::new(Meter::new(stream, watch.clone())), service)
    );
    let mut clock = Clock { timer: pin!(tokio::time::sleep(limits.shortest())), limits };
    let mut is_ending = false;
    let ended = tokio::select! {
        biased;
        ended = poll_fn(|cx| {
            if !is_ending && served.get() >= limits.requests {
                is_ending = true;
                connection.as_mut().graceful_shutdown();
            }
            let ended = clock.poll(cx, connection.as_mut(), &watch);
            if watch.is_reset_too_often(RESETS) {
                tracing::debug!(peer = %client.peer, "the client takes back what it asks; connection closed");
                watch.set_stuck();
                return Poll::Ready(Ended::Hyper(Ok(())));
            }
            ended
        }) => ended,
        draining = phases.wait_for(|phase| *phase != Phase::Serving) => {
            drop(draining);
            connection.as_mut().graceful_shutdown();
            poll_fn(|cx| clock.poll(cx, connection.as_mut(), &watch)).await
        }
    };
    match ended {
        Ended::Idle => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(FAREWELL, connection).await.ok();
        }
        Ended::Stuck => {
            tracing::debug!(peer = %client.peer, "the client takes nothing for write_timeout; connection closed");
            watch.set_stuck();
        }
        Ended::Hyper(Ok(())) => {}
        Ended::Hyper(Err(error)) => tracing::debug!(%error, peer = %client.peer, "connection ended"),
    }
}

/// One request.
async fn answer(
    request: Request<Incoming>,
    begun: Begun,
    client: Client,
    serving: Serving,
) -> Result<Answer, Infallible> {
    let Serving { core, dispatch, phases, limits, .. } = serving;
    let response = match check(&request) {
        Ok(()) => {
            let (mut request, rest) = Upload::of(request);
            join_cookies(request.headers_mut());
            client.sign(&mut request, false);
            let Ok(response) = dispatch.dispatch(&core, request, client.peer).await;
            if let Some(rest) = rest {
                // The rest is read beside the answer, within limits; then h2 tells the client that
                // nobody wants more (RFC 9113, section 8.1), for which some throw the answer away.
                rest.ends_connection().await;
            }
            response
        }
        Err((status, detail)) => refuse(&request, status, detail, &client, &dispatch),
    };
    let (head, body) = response.into_parts();
    let body = Ending::new(begun.count(body), &head.headers, &phases, limits.drain_events_timeout);
    Ok(Response::from_parts(head, Flowing::new(body)))
}

/// What the guard sees to in HTTP/1.1, and h2 does not.
fn check(request: &Request<Incoming>) -> Result<(), (StatusCode, &'static str)> {
    let uri = request.uri();
    let is_path = uri.path() == "*"
        || uri.path_and_query().is_some_and(|target| is_path_with_query(target.as_str().as_bytes()));
    if !is_path {
        return Err((StatusCode::BAD_REQUEST, "`:path` is not a path with a query"));
    }
    if request.headers().len() > FIELDS {
        return Err((StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "the head has too many fields"));
    }
    Ok(())
}

fn refuse(
    request: &Request<Incoming>,
    status: StatusCode,
    detail: &str,
    client: &Client,
    dispatch: &Dispatch,
) -> Response<LoggedBody> {
    let refused = Refused {
        status,
        detail: detail.to_owned(),
        is_shown: false,
        method: Some(request.method().clone()),
        target: Some(request.uri().clone()),
        accept: request.headers().get(ACCEPT).cloned(),
        begun: Instant::now(),
    };
    dispatch.refuse(refused, client.peer)
}

/// Cookies may come in several fields, which whoever is no part of HTTP/2 is to see as one (RFC
/// 9113, section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let mut all = headers.get_all(COOKIE).iter();
    if all.next().is_none() || all.next().is_none() {
        return;
    }
    let joined =
        headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b"; "[..]);
    if let Ok(joined) = HeaderValue::from_bytes(&joined) {
        headers.insert(COOKIE, joined);
    }
}

/// A request that is counted, whatever becomes of it.
struct Begun {
    watch: Option<Rc<Watch>>,
}

impl Begun {
    fn new(watch: &Rc<Watch>) -> Self {
        watch.pass(1);
        Self { watch: Some(watch.clone()) }
    }

    /// Counts the response whose body is `body` once that is dropped.
    fn count(mut self, body: LoggedBody) -> CountedBody {
        self.watch.take().unwrap_or_default().count(body)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        // The client has taken it back.
        if let Some(watch) = &self.watch {
            watch.reset();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_become_one_field() {
        for (fields, expected) in
            [(&[][..], &[][..]), (&["a=1"], &["a=1"]), (&["a=1", "b=2; c=3", "d=4"], &["a=1; b=2; c=3; d=4"])]
        {
            let mut headers = HeaderMap::new();
            for field in fields {
                headers.append(COOKIE, HeaderValue::from_static(field));
            }
            join_cookies(&mut headers);
            assert_eq!(headers.get_all(COOKIE).iter().collect::<Vec<_>>(), expected);
        }
    }
}
