//! What an instance may use: memory, and CPU time per call.
//!
//! wasmtime's own limiter counts each memory alone; [`MemoryLimit`] counts their sum.
//! CPU time is the thread's CPU clock, read at each epoch tick and charged to the
//! call on the stack; it is never wall time, so a machine that is short of CPU does
//! not spend a call's budget.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wasmtime::ResourceLimiter;

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

/// Tables are counted as if each element took this much (a pointer).
const ELEMENT_BYTES: usize = size_of::<usize>();

/// Bounds the sum of an instance's linear memories and tables.
#[derive(Debug)]
pub(super) struct MemoryLimit {
    limit: usize,
    used: usize,
}

impl MemoryLimit {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit: usize::try_from(limit).unwrap_or(usize::MAX), used: 0 }
    }

    /// Counts what the host keeps for the guest; whether there is room for it.
    pub(super) fn hold(&mut self, bytes: usize) -> bool {
        self.grow(0, bytes)
    }

    /// No longer counts what [`MemoryLimit::hold`] did.
    pub(super) fn release(&mut self, bytes: usize) {
        self.used = self.used.saturating_sub(bytes);
    }

    fn grow(&mut self, current: usize, desired: usize) -> bool {
        let Some(used) = self.used.checked_add(desired.saturating_sub(current)) else { return false };
        let fits = used <= self.limit;
        if fits {
            self.used = used;
        }
        fits
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.grow(current, desired))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.grow(current.saturating_mul(ELEMENT_BYTES), desired.saturating_mul(ELEMENT_BYTES)))
    }
}

/// The CPU time this thread has used.
pub(super) fn thread_cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs().try_into().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_are_summed() {
        let mut limit = MemoryLimit::new(100 << 10);
        assert!(limit.memory_growing(0, 64 << 10, None).unwrap());
        assert!(!limit.memory_growing(0, 64 << 10, None).unwrap(), "a second memory");
        assert!(limit.table_growing(0, 4 << 10, None).unwrap());
        assert!(!limit.table_growing(4 << 10, 8 << 10, None).unwrap());
        assert!(limit.hold(1 << 10));
        assert!(!limit.memory_growing(64 << 10, 68 << 10, None).unwrap(), "beside what the host keeps");
        limit.release(1 << 10);
        assert!(limit.memory_growing(64 << 10, 68 << 10, None).unwrap());
        assert!(!limit.hold(1));
    }

    #[test]
    fn the_cpu_clock_stands_while_the_thread_sleeps() {
        let before = thread_cpu_time();
        std::thread::sleep(Duration::from_millis(50));
        assert!(thread_cpu_time() - before < Duration::from_millis(25));
    }
}
