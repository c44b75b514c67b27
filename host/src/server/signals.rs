//! The signals that the server knows.

use std::time::Duration;

use tokio::signal::unix::{self, SignalKind, signal};

/// Signals so soon after the first are one with it: sooner than anybody presses Ctrl-C twice.
const ECHO: Duration = Duration::from_millis(100);

/// What an operator may ask for while the server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP: the configuration anew.
    Reload,
    /// SIGUSR1: the access log's file anew, as after a rotation.
    Reopen,
}

/// SIGINT and SIGTERM, which end the server, and those that ask it for something.
pub(super) struct Signals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
    hang_up: unix::Signal,
    user: unix::Signal,
}

impl Signals {
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
        })
    }

    /// The name of the next signal to end, those before it being answered by
    /// `on_signal`.
    pub(super) async fn until_end(&mut self, on_signal: impl Fn(Signal)) -> &'static str {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.hang_up.recv() => on_signal(Signal::Reload),
                _ = self.user.recv() => on_signal(Signal::Reopen),
            }
        }
    }

    /// The name of the next signal to end that is not an echo of the one before: a
    /// process group and a supervisor may both deliver it.
    pub(super) async fn next_deliberate(&mut self, on_signal: impl Fn(Signal)) -> &'static str {
        let echo = tokio::time::Instant::now() + ECHO;
        loop {
            let signal = self.until_end(&on_signal).await;
            if tokio::time::Instant::now() > echo {
                return signal;
            }
        }
    }
}
