//! The thread that drives the connections to all Redis servers.
//!
//! Cores are not to: a connection is driven by the runtime that made it, and would stand
//! still while a guest computes there.

use std::convert::Infallible;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::Error;

/// The thread, started when it is first needed.
#[derive(Default)]
pub(crate) struct Thread(Mutex<Option<Running>>);

struct Running {
    runtime: Handle,
    /// The thread ends when this is dropped.
    _alive: oneshot::Sender<Infallible>,
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Thread")
    }
}

impl Thread {
    /// Its runtime.
    pub(super) fn runtime(&self) -> Result<Handle, Error> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = &*running {
            return Ok(running.runtime.clone());
        }
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| failed(&error))?;
        let handle = runtime.handle().clone();
        let (alive, ended) = oneshot::channel::<Infallible>();
        let drive = move || drop(runtime.block_on(ended));
        thread::Builder::new().name("redis".to_owned()).spawn(drive).map_err(|error| failed(&error))?;
        *running = Some(Running { runtime: handle.clone(), _alive: alive });
        Ok(handle)
    }

    /// Lets `work` go on there, whoever waits for it.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<JoinHandle<T>, Error> {
        Ok(self.runtime()?.spawn(work))
    }

    /// Runs `operation` there; it ends where nobody waits for it any more.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        operation: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Error> {
        let mut operations = JoinSet::new();
        operations.spawn_on(operation, &self.runtime()?);
        match operations.join_next().await {
            Some(Ok(done)) => Ok(done),
            Some(Err(error)) => Err(failed(&error)),
            None => Err(failed(&"it is gone")),
        }
    }
}

fn failed(error: &dyn fmt::Display) -> Error {
    tracing::error!(%error, "the thread of Redis has failed");
    Error::other("the connection to redis has failed; the server's log says why")
}
