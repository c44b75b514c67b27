//! A scenario as it is run, and what it comes to.

use std::time::Instant;

use crate::aim::Verdict;
use crate::options::Options;
use crate::row::Row;
use crate::scenarios::Scenario;
use crate::tool::Tools;

/// A scenario that is to be run, with what for and how long.
pub(crate) struct Case<'a> {
    pub(crate) scenario: &'static Scenario,
    pub(crate) options: &'a Options,
    pub(crate) tools: &'a Tools,
    /// When to stop, whatever came of it.
    pub(crate) until: Option<Instant>,
}

/// What a scenario came to.
pub(crate) struct Outcome {
    pub(crate) rows: Vec<Row>,
    /// The same for readers.
    pub(crate) text: String,
    /// Its ratios as SVG, if it has any.
    pub(crate) plot: Option<String>,
    pub(crate) verdict: Verdict,
}

impl Case<'_> {
    /// Whether the time is over.
    pub(crate) fn is_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }
}
