//! `log_bytes` of a handler's limits.

use crate::config::key::Key;
use crate::handlers::grants::grants_config::Configured;

/// Log output, in bytes a second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    pub(super) bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { bytes: 64 << 10 }
    }
}

impl Configured for Config {
    const LIMITS: &'static [Key<Self>] = &[Key::bytes(
        "log_bytes",
        0,
        |c| &mut c.bytes,
        "Log output a second; more is dropped, and counted. With 0 all is.",
    )];
    type Tables = ();
}
