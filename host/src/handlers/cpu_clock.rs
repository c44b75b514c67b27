//! The thread's CPU clock, which is read at each epoch tick.
//!
//! It is never wall time, so a machine that is short of CPU does not spend a call's budget.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The CPU time this thread has used.
pub(super) fn thread_cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs().try_into().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_clock_stands_while_the_thread_sleeps() {
        let before = thread_cpu_time();
        std::thread::sleep(Duration::from_millis(50));
        assert!(thread_cpu_time() - before < Duration::from_millis(25));
    }
}
