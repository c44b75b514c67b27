//! The signals that end the server.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals so soon after the first are one with it.
const ECHO: Duration = Duration::from_secs(1);

/// SIGINT and SIGTERM.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// The name of the next signal that is not an echo of the one before: a process
    /// group and a supervisor may both deliver it.
    pub(super) async fn next_deliberate(&mut self) -> &'static str {
        let echo = tokio::time::Instant::now() + ECHO;
        loop {
            let signal = self.next().await;
            if tokio::time::Instant::now() > echo {
                return signal;
            }
        }
    }

    /// The name of the next signal.
    pub(super) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
