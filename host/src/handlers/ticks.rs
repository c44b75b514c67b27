//! The clock of the epoch: when a guest that computes is interrupted.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// The period of the epoch: a guest runs for two of them at most before others get a turn.
pub(super) const TICK: Duration = Duration::from_millis(5);
/// The same while some call computes for longer.
pub(super) const SHORT_TICK: Duration = Duration::from_millis(1);

/// What the thread that raises the epoch, and those that it interrupts, tell each other.
#[derive(Debug, Default)]
pub(super) struct Ticks {
    count: AtomicU64,
    /// Some call computes for longer than a tick.
    computing: AtomicBool,
}

impl Ticks {
    /// How many there have been.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Counts one; whether some call has computed since the one before.
    pub(super) fn tick(&self) -> bool {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.computing.swap(false, Ordering::Relaxed)
    }

    /// Notes that a call computes.
    pub(super) fn set_computing(&self) {
        self.computing.store(true, Ordering::Relaxed);
    }
}
