//! Why a task did not begin.

use std::fmt;

/// Why a task did not begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpawnError(pub(super) String);

impl fmt::Display for SpawnError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for SpawnError {}
