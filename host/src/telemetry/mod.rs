//! Logs: operational lines on standard error, and the access log, one line a request.

mod access_log;
mod writer;

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

pub use access_log::{AccessLog, AccessRecord};
pub use writer::{Destination, Writer};

/// Starts the operational log at `filter`, for example `info` or `debug`.
///
/// # Errors
///
/// If `filter` is malformed.
pub fn start(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| anyhow::anyhow!("log filter `{filter}`: {error}; try `info` or `debug`"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    Ok(())
}
