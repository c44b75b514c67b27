//! How many calls of a handler run, and how many wait for one of those to end. What waits is on
//! the handler's account of memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::counts::Counts;
use super::error::CallError;
use super::memory::{Account, Charge};
use super::permits::{Permit, Permits};
use super::tenant::Tenant;
use crate::config::Limits;

/// How many calls of a handler run and wait, on all cores together.
#[derive(Debug)]
pub(super) struct Admission {
    permits: Permits,
    waiting: AtomicU32,
    memory: Arc<Account>,
}

impl Admission {
    pub(super) fn new(limits: &Limits, counts: &Arc<Counts>, tenant: &Arc<Tenant>) -> Self {
        Self {
            permits: Permits::new(limits.calls, tenant.calls.as_ref()),
            waiting: AtomicU32::new(0),
            memory: Arc::new(Account::of_queue(limits.total_memory_bytes, counts.clone(), tenant.clone())),
        }
    }

    /// A permit to run, at once or within the handler's queue; what waits there has a `weight`
    /// in bytes.
    pub(super) async fn admit(
        &self,
        limits: &Limits,
        weight: impl FnOnce() -> usize,
    ) -> Result<Permit, CallError> {
        if let Some(permit) = self.permits.try_take() {
            return Ok(permit);
        }
        let waiting = Waiting::new(&self.waiting);
        if waiting.before >= limits.queue {
            return Err(CallError::QueueFull);
        }
        let _held = Charge::new(&self.memory, weight()).map_err(|_| CallError::QueueFull)?;
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn what_waits_is_on_the_account_and_no_more_than_fits() {
        let counts = Arc::<Counts>::default();
        let limits = Limits {
            calls: 1,
            total_memory_bytes: 10_000,
            queue_timeout: Duration::from_millis(20),
            ..Limits::default()
        };
        let admission = Admission::new(&limits, &counts, &Tenant::none());
        let running = admission.admit(&limits, || panic!("it does not wait")).await.unwrap();
        let (first, second) = (admission.admit(&limits, || 6000), admission.admit(&limits, || 6000));
        let look = async {
            tokio::task::yield_now().await;
            counts.memory_and_peak()
        };
        let (first, second, seen) = tokio::join!(first, second, look);
        assert!(matches!(first, Err(CallError::QueueTimeout(_))));
        assert!(matches!(second, Err(CallError::QueueFull)));
        assert_eq!(seen, (6000, 0), "it is no instance's");
        assert_eq!(counts.memory_and_peak(), (0, 0));
        drop(running);
    }
}
