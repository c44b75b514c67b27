//! What came of a test.

use std::collections::BTreeSet;
use std::time::Duration;

/// What came of a test.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Its file, as it is shown.
    pub(super) file: String,
    pub(super) name: String,
    pub(super) line: usize,
    /// The requests that were sent.
    pub(super) requests: usize,
    pub(super) time: Duration,
    /// What was not as expected; nothing where it has passed.
    pub(super) failures: Vec<Failure>,
    /// What was logged meanwhile, where it has failed.
    pub(super) log: Vec<String>,
    /// The routes that it has asked.
    pub(super) routes: BTreeSet<String>,
    /// The snapshots that it has written.
    pub(super) written: Vec<String>,
}

/// Something that was not as expected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) line: usize,
    /// What was expected, as it is written, or what is wrong.
    pub(super) what: String,
    /// What was expected and what there is, where these are to be compared.
    pub(super) compared: Option<(String, String)>,
}

impl Failure {
    /// Something that is wrong by itself.
    pub(super) fn new(line: usize, what: impl Into<String>) -> Self {
        Self { line, what: what.into(), compared: None }
    }
}
