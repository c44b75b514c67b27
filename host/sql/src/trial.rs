//! Whether a database can be used as it is configured, found out without changing it.

use crate::{Backend, DatabaseConfig, postgres, sqlite};

/// What came of trying a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trial {
    /// It can be used, after these migrations, which were applied and undone.
    Fits(Vec<String>),
    /// Nobody knows yet: it cannot be reached, or somebody else is at it.
    Unknown(String),
    /// It cannot be used as it is configured.
    Wrong(String),
}

impl Trial {
    /// Applies all pending migrations in one transaction, and rolls it back. Each is
    /// applied in a transaction of its own later, with its entry, so none may end the
    /// transaction itself: a file that does is refused.
    pub(crate) fn of(config: &DatabaseConfig) -> Self {
        match &config.backend {
            Backend::Sqlite(path) => sqlite::try_out(path, config),
            Backend::Postgres(url) => postgres::try_out(url, config),
        }
    }
}
