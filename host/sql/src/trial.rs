//! Whether a database can be used as it is configured, found out without changing it.

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
