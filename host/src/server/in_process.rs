//! A core without listeners: who is in the process asks it by pipes, which it serves as it
//! serves connections.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::DuplexStream;
use tokio::time::Instant;

use super::core::{self, Core};
use crate::config::CurrentServer;
use crate::dispatch::Dispatch;
use crate::handlers::{Engine, Seat};

/// What either side of a pipe may have written that the other has not read, in bytes.
const PIPE_BYTES: usize = 64 << 10;
/// How often it is looked whether calls have nothing more to do.
const LOOK: Duration = Duration::from_millis(2);

/// A core that is asked by pipes. It ends when this is dropped.
pub struct InProcess {
    /// None only while it ends.
    core: Option<Core>,
    engine: Arc<Engine>,
}

impl InProcess {
    /// Starts it; what its thread logs goes to `log`.
    ///
    /// # Errors
    ///
    /// If its thread or runtime cannot be started.
    pub fn start(
        settings: &Arc<CurrentServer>,
        engine: &Arc<Engine>,
        dispatch: &Arc<Dispatch>,
        log: tracing::Dispatch,
    ) -> io::Result<Self> {
        let seat = Seat::all(1).pop().ok_or(io::ErrorKind::Unsupported)?;
        let core = core::spawn(0, seat, settings, engine, (dispatch, &Arc::default()), Some(log))?;
        Ok(Self { core: Some(core), engine: engine.clone() })
    }

    /// A new connection to it.
    pub fn connect(&self) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        if let Some(core) = &self.core {
            core.give_pipe(theirs);
        }
        ours
    }

    /// Waits until no call goes on after its response, but not beyond `until`; whether that came.
    pub async fn is_done(&self, until: Instant) -> bool {
        while self.engine.tasks() > 0 {
            if Instant::now() >= until {
                return false;
            }
            tokio::time::sleep(LOOK).await;
        }
        true
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        core::stop(self.core.take().into_iter().collect());
        self.engine.grants().close();
    }
}
