//! What became of each handler's calls, counted, and the text that tells it.
//!
//! A count belongs to a handler's name, so it goes on when a new version comes. The
//! text is in the exposition format of Prometheus, version 0.0.4.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::CallError;
use super::sum::Sum;

/// The counts of one handler.
#[derive(Debug, Default)]
pub(super) struct Counts {
    answered: AtomicU64,
    /// By the reason.
    failed: Mutex<BTreeMap<&'static str, u64>>,
    /// What its instances have of memory now, all together, and the most that one had.
    pub(super) memory: Sum,
    most_of_one: AtomicU64,
    /// The tenant that it is of, since it was last loaded.
    tenant: Mutex<Option<String>>,
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

    /// Counts a failure after a response that was complete.
    pub(super) fn count_after(&self) {
        self.count_failure("after_response");
    }

    /// Counts a call that its client has left before it was answered.
    pub(super) fn count_left(&self) {
        self.count_failure("client_left");
    }

    /// An instance has so much.
    pub(super) fn note_instance(&self, bytes: u64) {
        self.most_of_one.fetch_max(bytes, Ordering::Relaxed);
    }

    /// What all instances have, and the most that one had.
    pub(super) fn memory_and_peak(&self) -> (u64, u64) {
        (self.memory.get(), self.most_of_one.load(Ordering::Relaxed))
    }

    fn count_failure(&self, reason: &'static str) {
        *lock(&self.failed).entry(reason).or_default() += 1;
    }
}

impl AllCounts {
    /// Those of the handler `name`, which is of `tenant` from now on.
    pub(super) fn of(&self, name: &str, tenant: Option<&str>) -> Arc<Counts> {
        let counts = lock(&self.0).entry(name.to_owned()).or_default().clone();
        *lock(&counts.tenant) = tenant.map(str::to_owned);
        counts
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
        text += "# HELP patchboard_memory_bytes Memory of all instances of a handler, with what is held for them.\n\
                 # TYPE patchboard_memory_bytes gauge\n";
        for (name, counts) in all.iter() {
            writeln!(text, "patchboard_memory_bytes{{handler=\"{name}\"}} {}", counts.memory_and_peak().0)
                .ok();
        }
        text += "# HELP patchboard_instance_memory_peak_bytes The most that one instance of a handler had.\n\
                 # TYPE patchboard_instance_memory_peak_bytes gauge\n";
        for (name, counts) in all.iter() {
            let peak = counts.memory_and_peak().1;
            writeln!(text, "patchboard_instance_memory_peak_bytes{{handler=\"{name}\"}} {peak}").ok();
        }
        text + &of_tenants(&all)
    }
}

/// The sums of the handlers of each tenant.
fn of_tenants(all: &BTreeMap<String, Arc<Counts>>) -> String {
    let mut sums = BTreeMap::<String, [u64; 3]>::new();
    for counts in all.values() {
        let Some(tenant) = lock(&counts.tenant).clone() else { continue };
        let [answered, failed, memory] = sums.entry(tenant).or_default();
        *answered += counts.answered.load(Ordering::Relaxed);
        *failed += lock(&counts.failed).values().sum::<u64>();
        *memory += counts.memory.get();
    }
    let mut text = String::new();
    for (index, (name, kind, help)) in [
        ("calls_total", "counter", "Calls that the handlers of a tenant answered."),
        ("failed_calls_total", "counter", "Their calls without an answer."),
        ("memory_bytes", "gauge", "Memory of all instances of its handlers, with what is held for them."),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("patchboard_tenant_{name}");
        writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}").ok();
        for (tenant, sums) in &sums {
            let sum = sums.get(index).copied().unwrap_or_default();
            writeln!(text, "{name}{{tenant=\"{tenant}\"}} {sum}").ok();
        }
    }
    text
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
        let counts = all.of("a", Some("t"));
        counts.count(&Ok(()));
        all.of("a", Some("t")).count(&Ok(()));
        counts.count::<()>(&Err(CallError::QueueFull));
        all.of("b", Some("t")).count(&Ok(()));
        all.of("c", Some("t"));
        all.of("c", None).count(&Ok(()));
        assert!(counts.memory.take(2000, 3000) && !counts.memory.take(1001, 3000));
        counts.note_instance(2000);
        counts.memory.give_back(1000);
        let text = all.text();
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            lines,
            [
                "patchboard_calls_total{handler=\"a\"} 2",
                "patchboard_calls_total{handler=\"b\"} 1",
                "patchboard_calls_total{handler=\"c\"} 1",
                "patchboard_failed_calls_total{handler=\"a\",reason=\"queue_full\"} 1",
                "patchboard_memory_bytes{handler=\"a\"} 1000",
                "patchboard_memory_bytes{handler=\"b\"} 0",
                "patchboard_memory_bytes{handler=\"c\"} 0",
                "patchboard_instance_memory_peak_bytes{handler=\"a\"} 2000",
                "patchboard_instance_memory_peak_bytes{handler=\"b\"} 0",
                "patchboard_instance_memory_peak_bytes{handler=\"c\"} 0",
                "patchboard_tenant_calls_total{tenant=\"t\"} 3",
                "patchboard_tenant_failed_calls_total{tenant=\"t\"} 1",
                "patchboard_tenant_memory_bytes{tenant=\"t\"} 1000",
            ]
        );
    }
}
