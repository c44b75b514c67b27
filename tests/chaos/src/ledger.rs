//! What was asked and what came: the count of each, and every answer that is wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many wrong answers are told of in full; then there is no need to go on.
const MOST_WRONG: usize = 20;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Came {
    /// An answer of this status, whole.
    Status(u16),
    /// 200, and a body that was cut.
    Cut,
    /// The client did not wait for it.
    Left,
    /// The connection ended without an answer, where it may.
    Closed,
    /// Something that must not be.
    Wrong,
}

/// What was asked and what came.
#[derive(Default)]
pub(crate) struct Ledger {
    asked: AtomicU64,
    full: AtomicBool,
    came: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    counts: BTreeMap<Came, u64>,
    by_name: BTreeMap<String, BTreeMap<Came, u64>>,
    wrong: Vec<String>,
}

impl fmt::Display for Came {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => status.fmt(f),
            Self::Cut => f.write_str("cut"),
            Self::Left => f.write_str("left"),
            Self::Closed => f.write_str("closed"),
            Self::Wrong => f.write_str("WRONG"),
        }
    }
}

impl Ledger {
    /// Notes that a request is about to be sent.
    pub(crate) fn ask(&self) {
        self.asked.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes how the request `name` ended.
    pub(crate) fn note(&self, name: &str, came: Came) {
        let mut pages = self.lock();
        *pages.counts.entry(came).or_default() += 1;
        match pages.by_name.get_mut(name) {
            Some(counts) => *counts.entry(came).or_default() += 1,
            None => drop(pages.by_name.insert(name.to_owned(), BTreeMap::from([(came, 1)]))),
        }
    }

    /// Notes what is wrong with the answer to `name`.
    pub(crate) fn wrong(&self, name: &str, what: impl fmt::Display) {
        self.note(name, Came::Wrong);
        let mut pages = self.lock();
        pages.wrong.push(format!("{name}: {what}"));
        self.full.store(pages.wrong.len() >= MOST_WRONG, Ordering::Relaxed);
    }

    /// The number of requests so far.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Whether so much is wrong that there is no need to go on.
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// How many ended in which way, in one line.
    pub(crate) fn summary(&self) -> String {
        line(&self.lock().counts)
    }

    /// Likewise, a line for each thing that was asked.
    pub(crate) fn table(&self) -> String {
        let pages = self.lock();
        pages.by_name.iter().map(|(name, counts)| format!("  {name}: {}\n", line(counts))).collect()
    }

    /// Everything that is wrong: with answers, and with the ledger itself, once all
    /// clients have ended.
    pub(crate) fn verdict(&self) -> Vec<String> {
        let pages = self.lock();
        let mut wrong = pages.wrong.clone();
        let (asked, ended) = (self.asked(), pages.counts.values().sum::<u64>());
        if wrong.is_empty() && asked != ended {
            wrong.push(format!("{asked} requests were sent, and {ended} accounted for"));
        }
        wrong
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.came.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn line(counts: &BTreeMap<Came, u64>) -> String {
    counts.iter().map(|(came, count)| format!("{came} x {count}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_accounted_for_is_wrong() {
        let ledger = Ledger::default();
        ledger.ask();
        ledger.note("a", Came::Status(200));
        assert!(ledger.verdict().is_empty());
        ledger.ask();
        assert_eq!(ledger.verdict(), ["2 requests were sent, and 1 accounted for"]);
        ledger.wrong("b", "because");
        assert_eq!(ledger.verdict(), ["b: because"]);
        assert_eq!(ledger.summary(), "200 x 1, WRONG x 1");
        assert_eq!(ledger.table(), "  a: 200 x 1\n  b: WRONG x 1\n");
    }
}
