//! What all threads of a run share: whose turn it is, when it ends, and a tally each,
//! which only its thread and whoever collects ever lock.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::CreationError;
use tokio::sync::Barrier;

use crate::measure::Tally;
use crate::plan::{Plan, Shape};

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) plan: Arc<Plan>,
    begin: OnceLock<Instant>,
    /// Turns that were given out.
    issued: AtomicU64,
    /// Of those, the ones that were not used.
    unused: AtomicU64,
    /// The same before measuring.
    warmed: AtomicU64,
    stopped: AtomicBool,
    /// Whether a round is one of those that count.
    pub(super) counting: AtomicBool,
    /// Where workers and who conducts the rounds meet.
    pub(super) barrier: Barrier,
    tallies: Vec<Mutex<Tally>>,
}

/// A request that may be sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    pub(super) seq: u64,
    pub(super) due: Instant,
    /// In an open loop, when it was taken, and whether a connection was free for it before.
    pub(super) taken: Option<(Instant, Readiness)>,
    pub(super) is_counted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readiness {
    Waited,
    Busy,
}

impl Shared {
    pub(super) fn new(plan: &Arc<Plan>, lists: bool) -> Result<Self, CreationError> {
        let tally = |_| {
            let mut tally = Tally::new(plan.requests.len())?;
            tally.list = lists.then(Vec::new);
            Ok(Mutex::new(tally))
        };
        Ok(Self {
            plan: Arc::clone(plan),
            begin: OnceLock::new(),
            issued: AtomicU64::new(0),
            unused: AtomicU64::new(0),
            warmed: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            counting: AtomicBool::new(false),
            barrier: Barrier::new(plan.concurrency as usize + 1),
            tallies: (0..plan.threads).map(tally).collect::<Result<_, _>>()?,
        })
    }

    /// When the first request may be sent: the same for all.
    pub(super) fn begin(&self) -> Instant {
        *self.begin.get_or_init(Instant::now)
    }

    /// From when on requests count.
    pub(super) fn measured_from(&self) -> Instant {
        self.begin() + self.plan.warm_up
    }

    /// From when on none is sent; rounds are limited by their number.
    pub(super) fn end(&self) -> Option<Instant> {
        match self.plan.shape {
            Shape::Rounds { .. } => None,
            Shape::Closed | Shape::Open { .. } => Some(self.measured_from() + self.plan.duration),
        }
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// The turn of a request that is due at this moment, if there are any more.
    pub(super) fn turn(&self, due: Instant) -> Option<Turn> {
        if self.is_stopped() || self.end().is_some_and(|end| due >= end) {
            return None;
        }
        if due < self.measured_from() {
            let seq = self.warmed.fetch_add(1, Ordering::Relaxed);
            return Some(Turn { seq, due, taken: None, is_counted: false });
        }
        self.counted_turn(due)
    }

    /// The same where it is known that it counts.
    pub(super) fn counted_turn(&self, due: Instant) -> Option<Turn> {
        let seq = self.issued.fetch_add(1, Ordering::Relaxed);
        (seq < self.plan.most_requests).then_some(Turn { seq, due, taken: None, is_counted: true })
    }

    /// The same where it is known that it does not.
    pub(super) fn warm_turn(&self, due: Instant) -> Turn {
        let seq = self.warmed.fetch_add(1, Ordering::Relaxed);
        Turn { seq, due, taken: None, is_counted: false }
    }

    /// Takes a turn back that will not be used any more.
    pub(super) fn give_back(&self, turn: Turn) {
        self.unused.fetch_add(u64::from(turn.is_counted), Ordering::Relaxed);
    }

    /// Whether as many requests were begun as there may be.
    pub(super) fn is_exhausted(&self) -> bool {
        self.issued.load(Ordering::Relaxed) >= self.plan.most_requests
    }

    /// How many counted requests were begun.
    pub(super) fn begun(&self) -> u64 {
        let issued = self.issued.load(Ordering::Relaxed).min(self.plan.most_requests);
        issued.saturating_sub(self.unused.load(Ordering::Relaxed))
    }

    /// A thread's tally. Nobody panics with it in hand.
    pub(super) fn tally(&self, thread: usize) -> Option<MutexGuard<'_, Tally>> {
        Some(self.tallies.get(thread)?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How long it is since requests count.
    pub(super) fn elapsed(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.measured_from())
    }
}
