//! How far the start of a database has come: it goes on in the background.

use std::time::Duration;

/// How long who opens a database should wait for it. What happens to its start later is
/// logged; what happened before, [`Database::start`](crate::Database::start) tells.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How far the start of a database has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// It is not there yet, and this is what was last wrong with it, if anything was.
    Pending(Option<String>),
    /// Its schema is up to date, after these migrations.
    Ready(Vec<String>),
    /// It cannot be used as it is configured.
    Failed(String),
}
