//! A streamed response body on its way to the connection, held to its limits.
//!
//! It holds the call's place in its instance, and its permit, until it has ended. Too
//! long, too slow to come, or past the call's wall clock, it is cut, never ended cleanly.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::counts::Counts;
use super::job::CallHead;
use super::permits::Permit;
use super::status::Ticket;
use crate::body::{Body, BodyError};
use crate::config::Limits;

/// Where it is told that a body was cut.
pub(super) struct Cuts {
    handler: Arc<str>,
    counts: Arc<Counts>,
    head: Arc<CallHead>,
}

impl Cuts {
    /// Of the call with this `head`.
    pub(super) fn new(handler: Arc<str>, counts: Arc<Counts>, head: &Arc<CallHead>) -> Self {
        Self { handler, counts, head: head.clone() }
    }

    /// A body was cut, since it went over a limit.
    fn over(&self, limit: &'static str) -> BodyError {
        let text = format!("the response went over {limit}");
        self.log(&text);
        text.into()
    }

    /// A body was cut, since whoever makes it has failed.
    fn failed(&self, error: &BodyError) {
        match self.head.late.is_logged() {
            true => self.counts.count_cut(),
            false => self.log(error),
        }
    }

    fn log(&self, why: impl fmt::Display) {
        tracing::warn!(
            handler = &*self.handler,
            request_id = &*self.head.request_id,
            "a response body was cut: {why}"
        );
        self.counts.count_cut();
    }
}

/// Lets the response hold its place until it has ended.
pub(super) fn hold(
    body: Body,
    mut ticket: Ticket,
    permit: Permit,
    limits: &Limits,
    cuts: Cuts,
    deadline: Instant,
) -> Body {
    if !body.is_streaming() {
        ticket.end();
        return body;
    }
    let idle_timeout = limits.body_idle_timeout;
    let first = deadline.min(Instant::now() + idle_timeout);
    Body::stream(HeldBody {
        body,
        ticket,
        _permit: permit,
        cuts,
        left: limits.response_body_bytes,
        deadline,
        idle_timeout,
        waiting_since: None,
        timer: Box::pin(tokio::time::sleep_until(first)),
    })
}

struct HeldBody {
    body: Body,
    ticket: Ticket,
    _permit: Permit,
    cuts: Cuts,
    left: u64,
    deadline: Instant,
    idle_timeout: Duration,
    /// Since when the connection has waited for the guest.
    waiting_since: Option<Instant>,
    /// Goes off no later than the limit that is next to be reached.
    timer: Pin<Box<Sleep>>,
}

impl HeldBody {
    /// The name of the limit that is over.
    fn poll_limits(&mut self, cx: &mut Context<'_>) -> Poll<&'static str> {
        loop {
            std::task::ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            if now >= self.deadline {
                return Poll::Ready("limits.call_timeout");
            }
            let idle = self.waiting_since.unwrap_or(now) + self.idle_timeout;
            if now >= idle {
                return Poll::Ready("limits.body_idle_timeout");
            }
            self.timer.as_mut().reset(idle.min(self.deadline));
        }
    }
}

impl http_body::Body for HeldBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if frame.is_pending() {
            self.waiting_since.get_or_insert_with(Instant::now);
        } else {
            self.waiting_since = None;
        }
        // Also where there is always more to send.
        if let Poll::Ready(limit) = self.poll_limits(cx) {
            self.ticket.time_out();
            return Poll::Ready(Some(Err(self.cuts.over(limit))));
        }
        let frame = std::task::ready!(frame);
        match &frame {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len) as u64;
                match self.left.checked_sub(length) {
                    Some(left) => self.left = left,
                    None => return Poll::Ready(Some(Err(self.cuts.over("limits.response_body_bytes")))),
                }
                if self.body.is_end_stream() {
                    self.ticket.end();
                }
            }
            Some(Err(error)) => self.cuts.failed(error),
            None => self.ticket.end(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
