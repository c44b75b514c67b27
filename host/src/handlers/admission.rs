//! How many calls of a handler run, and how many wait for one of those to end.

use std::sync::atomic::{AtomicU32, Ordering};

use super::error::CallError;
use super::permits::{Permit, Permits};
use super::tenant::Tenant;
use crate::config::Limits;

/// How many calls of a handler run and wait, on all cores together.
#[derive(Debug)]
pub(super) struct Admission {
    permits: Permits,
    waiting: AtomicU32,
}

impl Admission {
    pub(super) fn new(limits: &Limits, tenant: &Tenant) -> Self {
        Self { permits: Permits::new(limits.calls, tenant.calls.as_ref()), waiting: AtomicU32::new(0) }
    }

    /// A permit to run, at once or within the handler's queue.
    pub(super) async fn admit(&self, limits: &Limits) -> Result<Permit, CallError> {
        if let Some(permit) = self.permits.try_take() {
            return Ok(permit);
        }
        let waiting = Waiting::new(&self.waiting);
        if waiting.before >= limits.queue {
            return Err(CallError::QueueFull);
        }
        match tokio::time::timeout(limits.queue_timeout, self.permits.clone().take()).await {
            Ok(Ok(permit)) => Ok(permit),
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
