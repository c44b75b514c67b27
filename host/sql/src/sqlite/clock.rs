//! When the statement that runs has to end: at its time-out, or when nobody waits for it.
//!
//! SQLite asks every few instructions. What statements may call is bounded for the same
//! reason, since it asks only between these ([`rules`](super::rules)).

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::WeakSender;

use crate::session::Command;

/// Calls of functions in the text of one statement.
const CALLS: u32 = 500;

/// What is known of the statement that runs.
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    /// In nanoseconds since `start`; the largest number where nothing runs.
    end: AtomicU64,
    asker: Mutex<Option<WeakSender<Command>>>,
    /// Calls of functions that were seen in it.
    calls: AtomicU32,
    /// Whether what runs is not a handler's.
    is_ours: AtomicBool,
    /// Whether another thread has taken the place of the one that is asked here.
    is_replaced: AtomicBool,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            end: AtomicU64::new(u64::MAX),
            asker: Mutex::default(),
            calls: AtomicU32::new(0),
            is_ours: AtomicBool::new(false),
            is_replaced: AtomicBool::new(false),
        }
    }
}

impl Clock {
    /// What follows is for who sends there.
    pub(super) fn work_for(&self, asker: WeakSender<Command>) {
        *self.asker.lock().unwrap_or_else(PoisonError::into_inner) = Some(asker);
    }

    /// A statement begins.
    pub(super) fn begin(&self, timeout: Duration) {
        let end = (self.start.elapsed() + timeout).as_nanos();
        self.end.store(u64::try_from(end).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.calls.store(0, Ordering::Relaxed);
    }

    /// A statement is over, or waits for whoever reads its rows.
    pub(super) fn rest(&self) {
        self.end.store(u64::MAX, Ordering::Relaxed);
    }

    /// The session is over.
    pub(super) fn end(&self) {
        self.rest();
        *self.asker.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether the statement has to end.
    pub(super) fn is_over(&self) -> bool {
        let now = self.start.elapsed().as_nanos();
        let asker = || self.asker.lock().unwrap_or_else(PoisonError::into_inner);
        now > u128::from(self.end.load(Ordering::Relaxed))
            || asker().as_ref().is_some_and(|asker| asker.strong_count() == 0)
    }

    /// Whether a statement still runs so long after it had to end.
    pub(super) fn is_past(&self, more: Duration) -> bool {
        let end = self.end.load(Ordering::Relaxed);
        end != u64::MAX && self.start.elapsed() > Duration::from_nanos(end).saturating_add(more)
    }

    /// Another thread has taken the place of this one, which is to serve nobody else.
    pub(super) fn replace(&self) {
        self.is_replaced.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_replaced(&self) -> bool {
        self.is_replaced.load(Ordering::Relaxed)
    }

    /// Counts a function in the text of the statement; whether it has not too many.
    pub(super) fn count_call(&self) -> bool {
        self.calls.fetch_add(1, Ordering::Relaxed) < CALLS
    }

    /// Whether statements are held to no rules.
    pub(super) fn let_all_pass(&self, is_ours: bool) {
        self.is_ours.store(is_ours, Ordering::Relaxed);
    }

    pub(super) fn lets_all_pass(&self) -> bool {
        self.is_ours.load(Ordering::Relaxed)
    }
}
