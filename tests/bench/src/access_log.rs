//! Whether access logs are written.

use clap::ValueEnum;

/// Whether the subjects write access logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AccessLog {
    On,
    Off,
}

impl AccessLog {
    /// One of two words, as configurations have it.
    pub(crate) fn choose<T>(self, on: T, off: T) -> T {
        match self {
            Self::On => on,
            Self::Off => off,
        }
    }
}
