//! The room for instances: how many live at once, of all handlers together.
//!
//! In: who wants to start an instance. Here: a quarter of the places is kept for
//! handlers that have none, so that a greedy handler cannot starve another; where
//! there is no place, whoever holds idle instances is asked to let go of one. Out: a
//! [`Place`], given back when its instance has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// One in so many places is for handlers that have none.
const RESERVED: u32 = 4;
/// How often those with idle instances are asked again.
const ASK: Duration = Duration::from_millis(20);

/// The places of the pool.
#[derive(Debug)]
pub(super) struct Places {
    all: u32,
    common: Arc<Semaphore>,
    reserved: Arc<Semaphore>,
    wanted: Notify,
}

/// A place of the pool, and its handler's count of them.
#[derive(Debug)]
pub(super) struct Place {
    of_handler: Arc<AtomicU32>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    fn new(permit: OwnedSemaphorePermit, of_handler: &Arc<AtomicU32>) -> Self {
        of_handler.fetch_add(1, Ordering::Relaxed);
        Self { of_handler: of_handler.clone(), _permit: permit }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.of_handler.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Places {
    pub(super) fn new(all: u32) -> Self {
        let reserved = all / RESERVED;
        let semaphore = |places| Arc::new(Semaphore::new(places as usize));
        Self { all, common: semaphore(all - reserved), reserved: semaphore(reserved), wanted: Notify::new() }
    }

    /// A place that is free, for a handler that has so many already.
    pub(super) fn try_take(&self, of_handler: &Arc<AtomicU32>) -> Option<Place> {
        let permit = self.common.clone().try_acquire_owned().ok().or_else(|| {
            let none = of_handler.load(Ordering::Relaxed) == 0;
            none.then(|| self.reserved.clone().try_acquire_owned().ok()).flatten()
        })?;
        Some(Place::new(permit, of_handler))
    }

    /// Waits for a place, in turn.
    pub(super) async fn take(&self, of_handler: &Arc<AtomicU32>) -> Place {
        let permit = async {
            loop {
                let permit = tokio::select! {
                    permit = self.common.clone().acquire_owned() => permit,
                    permit = self.reserved.clone().acquire_owned(),
                        if of_handler.load(Ordering::Relaxed) == 0 => permit,
                };
                // They are never closed.
                if let Ok(permit) = permit {
                    return permit;
                }
            }
        };
        tokio::pin!(permit);
        loop {
            self.wanted.notify_waiters();
            if let Ok(permit) = tokio::time::timeout(ASK, &mut permit).await {
                return Place::new(permit, of_handler);
            }
        }
    }

    /// Waits until somebody wants a place and there is none.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        (self.all as usize).saturating_sub(self.free())
    }

    fn free(&self) -> usize {
        self.common.available_permits() + self.reserved.available_permits()
    }

    /// Whether there is room for instances that nobody waits for: half of it is left to
    /// calls.
    pub(super) fn has_room(&self) -> bool {
        self.free() > (self.all / 2) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greedy_handler_leaves_places_to_those_that_have_none() {
        let places = Places::new(8);
        let (greedy, modest) = (Arc::default(), Arc::default());
        let taken: Vec<_> = std::iter::from_fn(|| places.try_take(&greedy)).collect();
        assert_eq!(taken.len(), 6);
        let first = places.try_take(&modest);
        assert!(first.is_some());
        assert!(places.try_take(&modest).is_none(), "it has one");
        drop(taken);
        assert!(places.try_take(&modest).is_some());
    }

    #[test]
    fn a_small_pool_has_no_reserve() {
        let places = Places::new(1);
        let handler = Arc::default();
        let place = places.try_take(&handler);
        assert!(place.is_some() && places.try_take(&handler).is_none());
        drop(place);
        assert!(places.try_take(&handler).is_some());
    }

    #[tokio::test]
    async fn who_waits_asks_for_a_place_and_gets_it() {
        let places = Places::new(1);
        let (holder, waiter) = (Arc::default(), Arc::default());
        let held = places.try_take(&holder);
        let let_go = async {
            places.wanted().await;
            drop(held);
        };
        let (place, ()) = tokio::join!(places.take(&waiter), let_go);
        assert_eq!((waiter.load(Ordering::Relaxed), holder.load(Ordering::Relaxed)), (1, 0));
        drop(place);
    }
}
