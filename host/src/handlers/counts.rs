//! What became of each handler's calls, counted, and the text that tells it.
//!
//! A count belongs to a handler's name, so it goes on when a new version comes. The
//! text is in the exposition format of Prometheus, version 0.0.4.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::CallError;

/// The counts of one handler.
#[derive(Debug, Default)]
pub(super) struct Counts {
    answered: AtomicU64,
    /// By the reason.
    failed: Mutex<BTreeMap<&'static str, u64>>,
}

/// The counts of all handlers there have been, by name.
#[derive(Debug, Default)]
pub(super) struct AllCounts(Mutex<BTreeMap<String, Arc<Counts>>>);

impl Counts {
    /// Counts a call by its outcome.
    pub(super) fn count<T>(&self, outcome: &Result<T, CallError>) {
        match outcome {
            Ok(_) => {
                self.answered.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => self.count_failure(error.reason()),
        }
    }

    /// Counts the end of a response before its own.
    pub(super) fn count_cut(&self) {
        self.count_failure("response_cut");
    }

    /// Counts a call that its client has left before it was answered.
    pub(super) fn count_left(&self) {
        self.count_failure("client_left");
    }

    fn count_failure(&self, reason: &'static str) {
        *lock(&self.failed).entry(reason).or_default() += 1;
    }
}

impl AllCounts {
    /// Those of the handler `name`.
    pub(super) fn of(&self, name: &str) -> Arc<Counts> {
        lock(&self.0).entry(name.to_owned()).or_default().clone()
    }

    /// All of them, as text.
    pub(super) fn text(&self) -> String {
        let all = lock(&self.0);
        let mut text = String::from(
            "# HELP patchboard_calls_total Calls that a handler answered.\n\
             # TYPE patchboard_calls_total counter\n",
        );
        // Writing to a string cannot fail.
        for (name, counts) in all.iter() {
            let count = counts.answered.load(Ordering::Relaxed);
            writeln!(text, "patchboard_calls_total{{handler=\"{name}\"}} {count}").ok();
        }
        text += "# HELP patchboard_failed_calls_total Calls without an answer, by the reason.\n\
                 # TYPE patchboard_failed_calls_total counter\n";
        for (name, counts) in all.iter() {
            for (reason, count) in lock(&counts.failed).iter() {
                writeln!(
                    text,
                    "patchboard_failed_calls_total{{handler=\"{name}\",reason=\"{reason}\"}} {count}"
                )
                .ok();
            }
        }
        text
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_told_by_handler_and_reason() {
        let all = AllCounts::default();
        let counts = all.of("a");
        counts.count(&Ok(()));
        all.of("a").count(&Ok(()));
        counts.count::<()>(&Err(CallError::QueueFull));
        all.of("b");
        let text = all.text();
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            lines,
            [
                "patchboard_calls_total{handler=\"a\"} 2",
                "patchboard_calls_total{handler=\"b\"} 0",
                "patchboard_failed_calls_total{handler=\"a\",reason=\"queue_full\"} 1",
            ]
        );
    }
}
