//! Why a statement has no result, in terms that both databases share.

/// Which kind of constraint a statement would have violated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConstraintKind {
    /// Two rows would be the same where they must not.
    Unique,
    /// A row would refer to one that is not there.
    ForeignKey,
    /// A value would be missing.
    NotNull,
    /// A check of the table would be false.
    Check,
    /// Another.
    Other,
}

/// Why there is no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The database cannot be reached, or has no connection free.
    #[error("{0}")]
    Unavailable(String),
    /// A time-out was reached; names the setting.
    #[error("{0}")]
    TimedOut(String),
    /// A limit of size was reached; names the setting.
    #[error("{0}")]
    TooLarge(String),
    /// A constraint would have been violated.
    #[error("{message}")]
    Constraint {
        /// Which.
        kind: ConstraintKind,
        /// What the database says of it.
        message: String,
    },
    /// Another transaction came between; the same again may succeed.
    #[error("{0}")]
    Conflict(String),
    /// The statement is wrong, or does not fit its parameters or the tables.
    #[error("{0}")]
    Invalid(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl Error {
    /// The session's other side is gone.
    pub(crate) fn gone() -> Self {
        Self::Unavailable("the connection to the database has ended".to_owned())
    }

    /// Nobody had time for it within `wait_timeout`.
    pub(crate) fn busy() -> Self {
        Self::Unavailable(
            "every connection to the database was in use for the whole of wait_timeout".to_owned(),
        )
    }

    /// Likewise of SQLite, where one writes.
    pub(crate) fn busy_writer() -> Self {
        Self::Unavailable(
            "the database was in use for the whole of wait_timeout; SQLite has one writer: where a \
             transaction of this call's own is open, run the statement within it, or after it"
                .to_owned(),
        )
    }

    /// A transaction goes no further than its first error.
    pub(crate) fn failed_before() -> Self {
        Self::Invalid("a statement of this transaction has failed, so it was rolled back".to_owned())
    }

    /// The query's rows are no longer there.
    pub(crate) fn no_rows() -> Self {
        Self::Invalid("the rows are gone, since another statement of the transaction came between".to_owned())
    }

    /// The statement ran for too long, and what became of it is not known.
    pub(crate) fn cancelled() -> Self {
        Self::TimedOut(
            "the statement took longer than statement_timeout; it was cancelled, unless it was done just then"
                .to_owned(),
        )
    }

    /// Nobody waits for the statement.
    pub(crate) fn abandoned() -> Self {
        Self::Unavailable("nobody waits for the statement any more, so it was cancelled".to_owned())
    }

    /// The statement ran for too long.
    pub(crate) fn statement_timeout() -> Self {
        Self::TimedOut("the statement took longer than statement_timeout; it was rolled back".to_owned())
    }
}
