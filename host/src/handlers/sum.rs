//! A sum of bytes that many hold parts of.

use std::sync::atomic::{AtomicU64, Ordering};

/// What all parts come to.
#[derive(Debug, Default)]
pub(super) struct Sum(AtomicU64);

impl Sum {
    /// Adds so many bytes, unless there would be more than `limit` then.
    pub(super) fn take(&self, bytes: u64, limit: u64) -> bool {
        let before = self.0.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.checked_add(bytes).is_some_and(|used| used <= limit);
        if !fits {
            self.give_back(bytes);
        }
        fits
    }

    /// Adds them no longer.
    pub(super) fn give_back(&self, bytes: u64) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
