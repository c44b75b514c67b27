//! What is known of a connection on both sides of hyper: the guard counts the
//! requests that go in, their bodies those that are answered.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use super::fault::HeadFault;
use super::refusal::Refusal;
use crate::body::BodyError;
use crate::dispatch::{LoggedBody, Unsent};
use crate::server::limits::ConnectionLimits;

/// For so long after a response another request may be on its way.
const SOON: Duration = Duration::from_millis(100);
/// For so long after its first byte, or its connection, a first request may be.
const SOON_FIRST: Duration = Duration::from_millis(500);

/// The state of a connection, for its guard, its bodies and its task.
#[derive(Debug, Default)]
pub(in crate::server) struct Watch {
    /// Requests that hyper was given, or may be given.
    heads: Cell<u64>,
    /// Those whose response hyper has taken to its end.
    answered: Cell<u64>,
    /// Those whose response was written, too.
    flushed: Cell<u64>,
    /// The lines of responses that are still to be written.
    unsent: RefCell<Vec<Unsent>>,
    /// Whether a response ends with the connection.
    open_ended: Cell<bool>,
    waiting: Cell<Waiting>,
    /// Since when the client has taken nothing of what is to be written.
    blocked: Cell<Option<Instant>>,
    timed_out: Cell<bool>,
    refusal: RefCell<Option<Refusal>>,
    /// Whether hyper was shown the end.
    ended: Cell<bool>,
    /// Whether the client sends no more.
    closed: Cell<bool>,
    /// Whether something was written since that was asked last.
    written: Cell<bool>,
    nudged: Cell<bool>,
    broken: Cell<bool>,
    /// Requests that the client has taken back.
    resets: Cell<u64>,
    /// Whether the client does not take what it is sent.
    stuck: Cell<bool>,
}

/// What the client is waited for.
#[derive(Debug, Default, Clone, Copy)]
enum Waiting {
    /// Nothing: a request is under way.
    #[default]
    No,
    /// The first byte of a request.
    Idle(Instant),
    /// The rest of a head.
    Head(Instant),
}

/// Whether the client has been waited for long enough.
#[derive(Debug, Clone, Copy)]
pub(in crate::server) enum Overdue {
    /// Not before then.
    Not(Instant),
    /// It has nothing to ask.
    Idle,
    /// It has begun a head.
    Head,
    /// It does not take its response.
    Write,
}

/// How well a connection that has nothing to do can be spared: the least best. One
/// that waits for another request goes before one that never had its first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::server) struct Rest {
    is_first: bool,
    since: Instant,
}

impl Watch {
    /// Counts the response whose body is `body` once that is dropped.
    pub(in crate::server) fn count(self: &Rc<Self>, body: LoggedBody) -> CountedBody {
        CountedBody { body, watch: self.clone() }
    }

    /// Whether there has been a request.
    pub(in crate::server) fn was_asked(&self) -> bool {
        self.heads.get() > 0
    }

    /// Whether the client is in the middle of a head.
    pub(in crate::server) fn is_in_head(&self) -> bool {
        matches!(self.waiting.get(), Waiting::Head(_))
    }

    /// Notes whether the response that is about to be written ends with the connection, so that
    /// a clean end would look like its own.
    pub(in crate::server) fn set_open_ended(&self, is_open_ended: bool) {
        self.open_ended.set(is_open_ended);
    }

    pub(in crate::server) fn is_open_ended(&self) -> bool {
        self.open_ended.get()
    }

    /// Looks at the clock.
    pub(in crate::server) fn overdue(&self, limits: &ConnectionLimits) -> Overdue {
        let now = Instant::now();
        let written = self.blocked.get().map(|since| (since + limits.write_timeout, Overdue::Write));
        let asked = match self.waiting.get() {
            Waiting::No => None,
            // The first request is to come soon.
            Waiting::Idle(since) if !self.was_asked() => Some((since + limits.head_timeout, Overdue::Idle)),
            Waiting::Idle(since) => Some((since + limits.idle_timeout, Overdue::Idle)),
            Waiting::Head(since) => Some((since + limits.head_timeout, Overdue::Head)),
        };
        let mut next = now + limits.shortest();
        for (due, overdue) in written.into_iter().chain(asked) {
            if due <= now {
                return overdue;
            }
            next = next.min(due);
        }
        Overdue::Not(next)
    }

    /// Since when the connection has had nothing to do; none where it is at work, or may
    /// soon be.
    pub(in crate::server) fn rest(&self) -> Option<Rest> {
        let (is_first, since) = match self.waiting.get() {
            Waiting::No => return None,
            Waiting::Idle(since) => (!self.was_asked(), since),
            Waiting::Head(since) => (true, since),
        };
        let soon = if is_first { SOON_FIRST } else { SOON };
        (since.elapsed() >= soon).then_some(Rest { is_first, since })
    }

    /// Lets the guard refuse the head that is under way.
    pub(in crate::server) fn time_out(&self) {
        self.timed_out.set(true);
    }

    /// Whether hyper has to be polled again, since it would not look by itself
    /// whether the connection has ended. True once.
    pub(in crate::server) fn nudge(&self) -> bool {
        let may_end = (self.is_refused() && !self.ended.get()) || self.closed.get();
        may_end && self.is_answered() && !self.nudged.replace(true)
    }

    /// What is left to be answered after hyper has ended.
    pub(in crate::server) fn take_refusal(&self) -> Option<Refusal> {
        if self.ended.get() { self.refusal.take() } else { None }
    }

    /// Whether a body was malformed.
    pub(in crate::server) fn is_broken(&self) -> bool {
        self.broken.get()
    }

    /// Counts a request that the client has taken back.
    pub(in crate::server) fn reset(&self) {
        self.resets.set(self.resets.get() + 1);
        self.answered.set(self.answered.get() + 1);
    }

    /// Whether it has taken back more than `most` of them, beside half of those that were answered.
    pub(in crate::server) fn is_reset_too_often(&self, most: u64) -> bool {
        let resets = self.resets.get();
        resets > most + (self.answered.get() - resets) / 2
    }

    /// Notes that the client does not take what it is sent.
    pub(in crate::server) fn set_stuck(&self) {
        self.stuck.set(true);
    }

    pub(in crate::server) fn is_stuck(&self) -> bool {
        self.stuck.get()
    }

    pub(super) fn has_timed_out(&self) -> bool {
        self.timed_out.take()
    }

    pub(in crate::server) fn pass(&self, heads: u64) {
        if heads > 0 {
            self.heads.set(self.heads.get() + heads);
            self.waiting.set(Waiting::No);
        }
    }

    /// Notes whether the client has taken something, when there was something to take.
    pub(in crate::server) fn write(&self, is_blocked: bool) {
        if !is_blocked {
            self.written.set(true);
        }
        match (is_blocked, self.blocked.get()) {
            (true, None) => self.blocked.set(Some(Instant::now())),
            (false, Some(_)) => self.blocked.set(None),
            (true, Some(_)) | (false, None) => {}
        }
    }

    pub(in crate::server) fn flush(&self) {
        self.flushed.set(self.answered.get());
        self.unsent.borrow_mut().drain(..).for_each(Unsent::sent);
    }

    /// The client has to send something, unless requests of its are under way.
    pub(in crate::server) fn wait(&self, begun: bool) {
        if self.is_refused() || self.answered.get() != self.heads.get() {
            return;
        }
        match (self.waiting.get(), begun) {
            (Waiting::Head(_), _) | (Waiting::Idle(_), false) => {}
            (_, false) => self.waiting.set(Waiting::Idle(Instant::now())),
            (_, true) => self.waiting.set(Waiting::Head(Instant::now())),
        }
    }

    /// After its last response the connection goes before others.
    pub(in crate::server) fn linger(&self) {
        self.waiting.set(Waiting::Idle(Instant::now()));
    }

    pub(super) fn refuse(&self, fault: HeadFault, head: &[u8]) {
        let begun = match self.waiting.replace(Waiting::No) {
            Waiting::Head(since) => since,
            _ => Instant::now(),
        };
        self.refusal.replace(Some(Refusal::new(fault, head, begun.into_std())));
    }

    pub(super) fn break_off(&self) {
        self.broken.set(true);
    }

    pub(super) fn is_refused(&self) -> bool {
        self.refusal.borrow().is_some()
    }

    /// Whether hyper may be shown the end now, and is.
    pub(super) fn end(&self) -> bool {
        let ends = self.may_end();
        self.ended.set(self.ended.get() || ends);
        ends
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.get()
    }

    /// A request whose response is not written yet would be cut off.
    fn may_end(&self) -> bool {
        self.is_refused() && self.is_answered()
    }

    /// Whether all requests so far are answered, and their responses written.
    pub(super) fn is_answered(&self) -> bool {
        self.flushed.get() == self.heads.get()
    }

    /// Notes that the client sends no more.
    pub(super) fn close(&self) {
        if !self.closed.replace(true) {
            self.written.set(false);
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Whether something was written since this was asked last, or waits to be: then the
    /// client has not left, as far as can be known, and `write_timeout` is its limit.
    pub(super) fn has_written(&self) -> bool {
        self.written.take() || self.blocked.get().is_some()
    }
}

/// A response body whose end is counted.
#[derive(Debug)]
pub(in crate::server) struct CountedBody {
    body: LoggedBody,
    watch: Rc<Watch>,
}

impl CountedBody {
    /// Notes that what it has given will not be sent to its end.
    pub(in crate::server) fn cut(&mut self) {
        drop(self.body.unsent());
    }
}

impl Drop for CountedBody {
    fn drop(&mut self) {
        self.watch.answered.set(self.watch.answered.get() + 1);
        self.watch.unsent.borrow_mut().extend(self.body.unsent());
    }
}

impl Body for CountedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
