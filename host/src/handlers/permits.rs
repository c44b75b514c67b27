//! How many things there may be at once, of a handler alone and of its tenant together.

use std::sync::Arc;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// Both limits.
#[derive(Debug, Clone)]
pub(super) struct Permits {
    own: Arc<Semaphore>,
    of_tenant: Option<Arc<Semaphore>>,
}

/// Counts for both until it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    _own: OwnedSemaphorePermit,
    _of_tenant: Option<OwnedSemaphorePermit>,
}

impl Permits {
    /// So many of the handler's, and those of its tenant where that has a limit.
    pub(super) fn new(own: u32, of_tenant: Option<&Arc<Semaphore>>) -> Self {
        Self { own: Arc::new(Semaphore::new(own as usize)), of_tenant: of_tenant.cloned() }
    }

    /// One, if it is to be had without a wait.
    pub(super) fn try_take(&self) -> Option<Permit> {
        let own = self.own.clone().try_acquire_owned().ok()?;
        let of_tenant = match &self.of_tenant {
            Some(of_tenant) => Some(of_tenant.clone().try_acquire_owned().ok()?),
            None => None,
        };
        Some(Permit { _own: own, _of_tenant: of_tenant })
    }

    /// One, in the order of those who wait. Its own comes first: who waits for that keeps no other
    /// handler of the tenant waiting.
    ///
    /// # Errors
    ///
    /// None: the semaphores are never closed.
    pub(super) async fn take(self) -> Result<Permit, AcquireError> {
        let own = self.own.acquire_owned().await?;
        let of_tenant = match self.of_tenant {
            Some(of_tenant) => Some(of_tenant.acquire_owned().await?),
            None => None,
        };
        Ok(Permit { _own: own, _of_tenant: of_tenant })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn both_limits_hold_and_who_gives_up_keeps_nothing() {
        let of_tenant = Arc::new(Semaphore::new(3));
        let (a, b) = (Permits::new(2, Some(&of_tenant)), Permits::new(2, Some(&of_tenant)));
        let held = [a.try_take().unwrap(), a.try_take().unwrap()];
        assert!(a.try_take().is_none(), "its own limit");
        let other = b.try_take().unwrap();
        assert!(b.try_take().is_none(), "that of its tenant");
        for _ in 0..10 {
            assert!(tokio::time::timeout(Duration::from_millis(1), b.clone().take()).await.is_err());
        }
        let (taken, ()) = tokio::join!(b.clone().take(), async { drop(held) });
        drop((taken, other));
        assert_eq!((a.own.available_permits(), b.own.available_permits()), (2, 2));
        assert_eq!(of_tenant.available_permits(), 3);
    }
}
