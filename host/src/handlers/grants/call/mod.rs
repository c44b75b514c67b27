//! `patchboard:handler/call`: whether anybody still waits, and tasks that outlive their
//! call's response. Everybody is given it, within limits.

pub(super) mod host;
pub(crate) mod keys;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::grant::{Grant, Grantee};
use super::shared::{Around, Asked, Shared};
use crate::problem::Problem;

/// What a handler may do after its responses.
pub(in crate::handlers) struct After {
    timeout: Duration,
    permits: Arc<Semaphore>,
    /// Of the whole server.
    under_way: UnderWay,
}

/// The tasks of the whole server, for the drain, which waits for them.
#[derive(Debug, Clone, Default)]
pub(crate) struct UnderWay(Arc<AtomicUsize>);

/// A task's place among those that are under way.
struct Place {
    under_way: UnderWay,
    _permit: OwnedSemaphorePermit,
}

impl Grant for After {
    const IMPORTS: &'static [&'static str] = &[
        "patchboard:handler/call@",
        "patchboard:handler/call-futures@",
        "patchboard:handler/call-types@",
        "patchboard:handler/time-futures@",
    ];
    type Shared = UnderWay;

    fn grant(to: &Grantee<'_>, under_way: &UnderWay) -> Self {
        let keys::Config { timeout, tasks } = to.config.call;
        Self { timeout, permits: Arc::new(Semaphore::new(tasks as usize)), under_way: under_way.clone() }
    }
}

impl After {
    /// A place for another task, unless there are too many.
    fn place(&self) -> Option<Place> {
        let permit = self.permits.clone().try_acquire_owned().ok()?;
        self.under_way.0.fetch_add(1, Ordering::Relaxed);
        Some(Place { under_way: self.under_way.clone(), _permit: permit })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.under_way.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl UnderWay {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Shared for UnderWay {
    type Opened = ();

    fn new(_: &Around<'_>) -> Self {
        Self::default()
    }

    fn open(&self, _: &Asked<'_>, _: Duration) -> Result<(), Vec<Problem>> {
        Ok(())
    }
}
