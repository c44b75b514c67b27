//! How many calls of a handler run, and how many wait for one of those to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::CallError;
use crate::config::Limits;

/// How many calls of a handler run and wait, on all cores together.
#[derive(Debug)]
pub(super) struct Admission {
    permits: Arc<Semaphore>,
    waiting: AtomicU32,
}

impl Admission {
    pub(super) fn new(limits: &Limits) -> Self {
        let permits = Arc::new(Semaphore::new(limits.calls as usize));
        Self { permits, waiting: AtomicU32::new(0) }
    }

    /// A permit to run, at once or within the handler's queue.
    pub(super) async fn admit(&self, limits: &Limits) -> Result<OwnedSemaphorePermit, CallError> {
        if let Ok(permit) = self.permits.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let waiting = Waiting::new(&self.waiting);
        if waiting.before >= limits.queue {
            return Err(CallError::QueueFull);
        }
        let permit = self.permits.clone().acquire_owned();
        match tokio::time::timeout(limits.queue_timeout, permit).await {
            Ok(Ok(permit)) => Ok(permit),
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(CallError::QueueTimeout(limits.queue_timeout)),
        }
    }
}

/// Counts a waiting call, also where it gives up.
struct Waiting<'a> {
    count: &'a AtomicU32,
    before: u32,
}

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicU32) -> Self {
        Self { count, before: count.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}
