//! Work that may wait for a disk, on threads of the folders' own.
//!
//! They are few, and no others' work waits behind a disk that hangs. What has begun is
//! done to its end, also where nobody waits for it any more.

use std::pin::Pin;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::Error;

/// Jobs at once; further ones wait, within their time.
const THREADS: usize = 16;

/// What comes of a job.
pub(crate) type Job<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// The threads; there is one only while there is work.
#[derive(Debug)]
pub(crate) struct Threads(Option<Runtime>);

/// Gives jobs to the threads.
#[derive(Debug, Clone)]
pub(crate) struct Jobs(Option<Handle>);

impl Default for Threads {
    fn default() -> Self {
        let mut builder = Builder::new_current_thread();
        Self(builder.max_blocking_threads(THREADS).thread_name("blob").build().ok())
    }
}

impl Threads {
    pub(crate) fn jobs(&self) -> Jobs {
        Jobs(self.0.as_ref().map(|runtime| runtime.handle().clone()))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Does not wait for a disk.
            runtime.shutdown_background();
        }
    }
}

impl Jobs {
    /// Begins `work` at once; `timeout` is from when it is first waited for.
    pub(crate) fn start<T: Send + 'static>(
        &self,
        timeout: Duration,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Job<T> {
        let working = self.0.as_ref().map(|handle| handle.spawn_blocking(work));
        Box::pin(async move {
            let Some(working) = working else {
                return Err(Error::Unavailable("the system has no threads for it".to_owned()));
            };
            match tokio::time::timeout(timeout, working).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => Err(Error::Unavailable("the folder is being closed".to_owned())),
                Err(_) => Err(Error::Unavailable(format!(
                    "the folder's disk has not answered within {timeout:?} (timeout)"
                ))),
            }
        })
    }

    /// Drops what may wait for a disk when it is dropped.
    pub(crate) fn drop<T: Send + 'static>(&self, value: T) {
        if let Some(handle) = &self.0 {
            handle.spawn_blocking(move || drop(value));
        }
    }
}
