//! What is wrong with the text of a pattern.

use std::fmt;

/// What is wrong, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrammarError {
    /// Where the part that is wrong begins, in bytes from the beginning of the text.
    pub at: usize,
    /// What is wrong; names the part.
    pub wrong: String,
    /// What to do; empty where `wrong` says it.
    pub remedy: String,
}

impl GrammarError {
    pub(crate) fn new(at: usize, wrong: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { at, wrong: wrong.into(), remedy: remedy.into() }
    }

    /// The same, where the text begins `start` bytes into another one.
    pub(crate) fn within(self, start: usize) -> Self {
        Self { at: start + self.at, ..self }
    }
}

impl fmt::Display for GrammarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.wrong)?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for GrammarError {}
