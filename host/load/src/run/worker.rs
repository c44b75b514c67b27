//! A worker: at most one request is under way in it, on connections of its own.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::pacer::Pacer;
use super::shared::{Readiness, Shared, Turn};
use crate::client::{Buffer, Connection, Deadline, Reply};
use crate::failure::Failure;
use crate::measure::Sample;
use crate::plan::Plan;
use crate::request::{Prepared, Reuse, Scratch};

/// Before another attempt in a closed loop where nobody listens: it is counted, but
/// need not be counted ten thousand times a second.
const RETRY: Duration = Duration::from_millis(50);

/// What the workers of a thread share.
pub(super) struct Thread {
    pub(super) shared: Arc<Shared>,
    pub(super) index: usize,
    pub(super) buffer: Buffer,
    pub(super) pacer: Pacer,
}

pub(super) struct Worker {
    thread: Rc<Thread>,
    deadline: Deadline,
    exchange: Exchange,
}

/// All that a request needs but its time.
struct Exchange {
    /// One for each origin.
    connections: Vec<Option<Connection>>,
    scratch: Scratch,
    body: Vec<u8>,
    opened: u64,
}

/// How a turn ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Done {
    pub(super) at: Instant,
    pub(super) is_unreachable: bool,
}

impl Worker {
    pub(super) fn new(thread: Rc<Thread>) -> Self {
        let connections = thread.shared.plan.origins.iter().map(|_| None).collect();
        let exchange = Exchange { connections, scratch: Scratch::default(), body: Vec::new(), opened: 0 };
        Self { thread, deadline: Deadline::new(), exchange }
    }

    /// Sends requests one after the other.
    pub(super) async fn closed_loop(mut self) {
        let mut now = Instant::now();
        // The end of a request is the beginning of the next, so the clock is read once.
        while let Some(turn) = self.thread.shared.turn(now) {
            let done = self.perform(turn).await;
            now = done.at;
            if done.is_unreachable {
                tokio::time::sleep(RETRY).await;
                now = Instant::now();
            }
        }
    }

    /// Sends requests when they are due, or as soon after as it is free.
    pub(super) async fn open_loop(mut self) {
        let thread = Rc::clone(&self.thread);
        while let Some(turn) = thread.pacer.next(&thread.shared).await {
            self.perform(turn).await;
        }
    }

    /// Sends one request a round.
    pub(super) async fn rounds(mut self) {
        use std::sync::atomic::Ordering;
        let shared = Arc::clone(&self.thread.shared);
        loop {
            // All are ready, as after the round before; then all may go.
            shared.barrier.wait().await;
            shared.barrier.wait().await;
            let now = Instant::now();
            let turn = match shared.counting.load(Ordering::Relaxed) {
                true => shared.counted_turn(now),
                false => Some(shared.warm_turn(now)),
            };
            if let Some(turn) = turn {
                self.perform(turn).await;
            }
        }
    }

    async fn perform(&mut self, turn: Turn) -> Done {
        let shared = &self.thread.shared;
        let plan = &shared.plan;
        let index = plan.turn(turn.seq);
        let Some(request) = plan.requests.get(index) else {
            return Done { at: Instant::now(), is_unreachable: false };
        };
        let begun = turn.taken.map_or(turn.due, |(taken, _)| taken);
        // One that waited for a connection for too long is only counted, so that what is
        // due is done with soon after the end, however far behind the server is. One that
        // is sent has its whole time: cut short, it would cost the server and give nothing.
        let is_unsent = begun > turn.due + plan.timeout;
        let outcome = if is_unsent {
            Some(Err(Failure::NotSent(plan.timeout)))
        } else {
            let attempt = self.exchange.attempt(plan, request, turn.seq, &self.thread);
            self.deadline.limit(begun + plan.timeout, attempt).await
        };
        let at = Instant::now();
        let (reply, failure) = match outcome {
            None => (None, Some(Failure::TimedOut(plan.timeout))),
            Some(Err(failure)) => (None, Some(failure)),
            Some(Ok((reply, sent))) => {
                let checked = request.expect.check(reply.status, &self.exchange.body);
                (Some((reply, sent)), checked.err())
            }
        };
        let keep = plan.reuse == Reuse::KeepAlive && reply.is_some_and(|(reply, _)| reply.reusable);
        if !keep
            && !is_unsent
            && let Some(connection) = self.exchange.connections.get_mut(request.origin)
        {
            *connection = None;
        }
        let is_unreachable = matches!(failure, Some(Failure::Connect(..)));
        let opened = std::mem::take(&mut self.exchange.opened);
        let Some(mut tally) = shared.tally(self.thread.index) else { return Done { at, is_unreachable } };
        if turn.is_counted {
            tally.connections += opened;
            let lag = |(taken, readiness): (Instant, Readiness)| {
                (readiness == Readiness::Waited).then(|| taken.saturating_duration_since(turn.due))
            };
            tally.add(Sample {
                request: index,
                status: reply.map(|(reply, _)| reply.status),
                failure,
                latency: at.saturating_duration_since(turn.due),
                service: turn
                    .taken
                    .filter(|_| !is_unsent)
                    .map(|(taken, _)| at.saturating_duration_since(taken)),
                lag: turn.taken.and_then(lag),
                sent: reply.map_or(0, |(_, sent)| sent),
                received: reply.map_or(0, |(reply, _)| reply.received),
                is_late: shared.end().is_some_and(|end| at > end),
            });
        } else {
            tally.warm_ups += 1;
        }
        Done { at, is_unreachable }
    }
}

impl Exchange {
    async fn attempt(
        &mut self,
        plan: &Plan,
        request: &Prepared,
        seq: u64,
        thread: &Thread,
    ) -> Result<(Reply, u64), Failure> {
        let missing = || Failure::Closed("before it was opened");
        let origin = plan.origins.get(request.origin).ok_or_else(missing)?;
        let slot = self.connections.get_mut(request.origin).ok_or_else(missing)?;
        // A server may close a connection between two requests; that is no failure as
        // long as nothing was sent.
        if let Some(connection) = slot
            && connection.is_stale().await
        {
            *slot = None;
        }
        let connection = match slot {
            Some(connection) => connection,
            None => {
                self.opened += 1;
                slot.insert(Connection::open(origin, plan.protocol, &plan.tls, &thread.buffer).await?)
            }
        };
        self.body.clear();
        let kept = request.expect.needs_body().then_some(&mut self.body);
        connection.exchange(request, seq, origin, &mut self.scratch, kept).await
    }
}
