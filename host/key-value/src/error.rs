//! Why an operation failed, as `wasi:keyvalue` tells it.

/// Why an operation failed. The text is for who asked: it names what is down or too
/// large, never a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There can be no bucket of this name.
    #[error("there is no such bucket")]
    NoSuchStore,
    /// The bucket was not granted, whether or not there is one.
    #[error("the bucket is not granted")]
    AccessDenied,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// Why the file of the buckets cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Another process has it open.
    #[error("{0}")]
    Held(String),
    /// It is not as it should be.
    #[error("{0}")]
    Wrong(String),
}

impl Error {
    /// An error with a text of its own.
    pub(crate) fn other(text: impl Into<String>) -> Self {
        Self::Other(text.into())
    }

    /// What is kept under `key` is not what `increment` writes.
    pub(crate) fn not_a_number(key: &str) -> Self {
        Self::Other(format!("the value of `{key}` is not a whole number of 64 bits; set it to one first"))
    }

    /// The sum does not fit.
    pub(crate) fn overflow(key: &str) -> Self {
        Self::Other(format!("the value of `{key}` would leave the range of 64 bits"))
    }
}
