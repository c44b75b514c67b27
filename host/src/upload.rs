//! The body of a request on its way from its connection, and what nobody reads of it.
//!
//! A client that still sends may not notice an answer, and where the connection is closed
//! on it, loses it; a proxy takes that for a broken server (RFC 9112, section 9.6). So what
//! nobody reads comes back to the connection, which reads it as far as that is cheap, and
//! else announces the close.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::header::{EXPECT, TRANSFER_ENCODING};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::oneshot;

use crate::fields::Named;

/// What is read before an answer of a body that nobody wants, so that its connection may be
/// used again, and how long it may take to come: most clients send it right after the head.
const GLANCE_BYTES: u64 = 64 << 10;
/// See [`GLANCE_BYTES`].
const GLANCE: Duration = Duration::from_millis(50);
/// For so long a client that sends what nobody wants may be silent, and may send in all, as
/// nginx has it (`lingering_timeout`, `lingering_time`).
pub const SILENCE: Duration = Duration::from_secs(5);
/// See [`SILENCE`].
pub const LINGER: Duration = Duration::from_secs(30);

/// The body of a request.
#[derive(Debug)]
pub struct Upload {
    /// None only while it is dropped.
    body: Option<Incoming>,
    /// None where there is no body.
    unread: Option<oneshot::Sender<Unread>>,
    awaits_continue: bool,
    /// What its trailers may not have.
    named: Named,
}

/// What is left of a body where its reader has done with it, or will have.
#[derive(Debug)]
pub struct Rest(oneshot::Receiver<Unread>);

#[derive(Debug)]
struct Unread {
    body: Incoming,
    /// The client sends nothing before it is asked to, which it is when the body is read.
    awaits_continue: bool,
}

impl Upload {
    /// The request with its body, and what will be left of that; nothing of no body.
    pub fn of(request: Request<Incoming>) -> (Request<Self>, Option<Rest>) {
        let (sender, rest) = match request.body().is_end_stream() {
            true => (None, None),
            false => {
                let (sender, receiver) = oneshot::channel();
                (Some(sender), Some(Rest(receiver)))
            }
        };
        let headers = request.headers();
        let awaits_continue = sender.is_some() && headers.contains_key(EXPECT);
        let may_trail = sender.is_some() && headers.contains_key(TRANSFER_ENCODING);
        let named = if may_trail { Named::by(headers) } else { Named::default() };
        (request.map(|body| Self { body: Some(body), unread: sender, awaits_continue, named }), rest)
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(cx);
        self.awaits_continue = false;
        let mut frame = ready!(frame);
        match &mut frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_mut() {
                    self.named.strip(trailers);
                }
            }
            _ => self.unread = None,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Incoming::size_hint).unwrap_or_default()
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(unread) = self.unread.take()
            && let Some(body) = self.body.take()
            && !body.is_end_stream()
        {
            unread.send(Unread { body, awaits_continue: self.awaits_continue }).ok();
        }
    }
}

impl Rest {
    /// To be asked when the head of the response is there: whether the connection has to be
    /// closed after it. What comes of the body meanwhile is read, within limits, so that a
    /// client that sends first can take its answer then. On a core's thread.
    pub async fn ends_connection(mut self) -> bool {
        match self.0.try_recv() {
            Ok(Unread { awaits_continue: true, .. }) => true,
            Ok(Unread { mut body, .. }) => {
                if glance(&mut body).await {
                    return false;
                }
                tokio::task::spawn_local(drain(body));
                true
            }
            // Its reader has not done with it.
            Err(oneshot::error::TryRecvError::Empty) => {
                tokio::task::spawn_local(async move {
                    if let Ok(Unread { body, .. }) = self.0.await {
                        drain(body).await;
                    }
                });
                false
            }
            Err(oneshot::error::TryRecvError::Closed) => false,
        }
    }
}

/// Reads what comes at once; whether that is all.
async fn glance(body: &mut Incoming) -> bool {
    let all = async {
        let mut left = GLANCE_BYTES;
        while !body.is_end_stream() && body.size_hint().lower() <= left {
            match body.frame().await {
                Some(Ok(frame)) => {
                    let length = frame.data_ref().map_or(0, Bytes::len) as u64;
                    let Some(rest) = left.checked_sub(length) else { return false };
                    left = rest;
                }
                Some(Err(_)) => return false,
                None => return true,
            }
        }
        body.is_end_stream()
    };
    tokio::time::timeout(GLANCE, all).await.unwrap_or_default()
}

/// Reads what comes, and drops it.
async fn drain(mut body: Incoming) {
    let all = async { while let Ok(Some(Ok(_))) = tokio::time::timeout(SILENCE, body.frame()).await {} };
    tokio::time::timeout(LINGER, all).await.ok();
}
