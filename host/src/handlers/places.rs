//! The room for instances: how many live at once, of all handlers together, and how much
//! of each thing that is pooled they have.
//!
//! In: who wants to start an instance, and what it needs. Here: a quarter of each thing is
//! kept for handlers that have no instance, so that a greedy handler cannot starve another;
//! what does not fit waits, in turn, and whoever holds idle instances is asked to let go of
//! one. Out: a [`Place`], given back when its instance has ended.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::needs::{Amounts, THINGS};

/// One in so many of each thing is for handlers that have no instance.
const RESERVED: u32 = 4;
/// How often those with idle instances are asked again.
const ASK: Duration = Duration::from_millis(20);

/// The places of the pool.
#[derive(Debug)]
pub(super) struct Places {
    all: Amounts,
    room: Mutex<Room>,
    wanted: Notify,
}

/// What is free, and who waits for it.
#[derive(Debug)]
struct Room {
    free: Amounts,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    needs: Amounts,
    of_handler: Arc<AtomicU32>,
    place: oneshot::Sender<Place>,
}

/// A place of the pool, and its handler's count of them.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    needs: Amounts,
    of_handler: Arc<AtomicU32>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.of_handler.fetch_sub(1, Ordering::Relaxed);
        self.places.give_back(&self.needs);
    }
}

/// Whether a handler has no instance.
fn is_new(of_handler: &AtomicU32) -> bool {
    of_handler.load(Ordering::Relaxed) == 0
}

impl Places {
    pub(super) fn new(all: Amounts) -> Arc<Self> {
        let room = Room { free: all, waiting: VecDeque::new() };
        Arc::new(Self { all, room: Mutex::new(room), wanted: Notify::new() })
    }

    /// A place that is free, for a handler that has so many already.
    pub(super) fn try_take(self: &Arc<Self>, needs: &Amounts, of_handler: &Arc<AtomicU32>) -> Option<Place> {
        let mut room = self.lock();
        let is_new = is_new(of_handler);
        // Who waits was there before; newcomers wait for each other only.
        let waited_for = match is_new {
            true => room.waiting.iter().any(|waiting| self::is_new(&waiting.of_handler)),
            false => !room.waiting.is_empty(),
        };
        let fits = !waited_for && self.fits(&room.free, needs, is_new);
        fits.then(|| self.take_out(&mut room, needs, of_handler))
    }

    /// Waits for a place, in turn.
    pub(super) async fn take(self: &Arc<Self>, needs: &Amounts, of_handler: &Arc<AtomicU32>) -> Place {
        loop {
            let mut place = self.queue(needs, of_handler);
            self.settle();
            loop {
                self.wanted.notify_waiters();
                match tokio::time::timeout(ASK, &mut place).await {
                    Ok(Ok(place)) => return place,
                    // The queue lives as long as the places: this does not come.
                    Ok(Err(_)) => break,
                    Err(_) => {}
                }
            }
        }
    }

    fn queue(&self, needs: &Amounts, of_handler: &Arc<AtomicU32>) -> oneshot::Receiver<Place> {
        let (place, receiver) = oneshot::channel();
        let waiting = Waiting { needs: *needs, of_handler: of_handler.clone(), place };
        self.lock().waiting.push_back(waiting);
        receiver
    }

    fn give_back(self: &Arc<Self>, needs: &Amounts) {
        let mut room = self.lock();
        room.free = combine(&room.free, needs, u32::saturating_add);
        let is_waited_for = !room.waiting.is_empty();
        drop(room);
        if is_waited_for {
            self.settle();
        }
    }

    /// Gives those who wait what there is: newcomers first, since it is kept for them.
    fn settle(self: &Arc<Self>) {
        let mut given = Vec::new();
        let mut room = self.lock();
        self.serve(&mut room, true, &mut given);
        self.serve(&mut room, false, &mut given);
        drop(room);
        // Who has left meanwhile gives it back, which asks for the room again.
        for (waiting, place) in given {
            waiting.send(place).ok();
        }
    }

    /// Those in front are served first, and of what they need and there is not yet, nobody
    /// behind them gets any: what needs much would else wait for ever.
    fn serve(
        self: &Arc<Self>,
        room: &mut Room,
        newcomers: bool,
        given: &mut Vec<(oneshot::Sender<Place>, Place)>,
    ) {
        let mut kept = [0; THINGS.len()];
        let mut at = 0;
        while let Some(next) = room.waiting.get(at) {
            let free = combine(&room.free, &kept, u32::saturating_sub);
            // Each needs an instance at least.
            if free.first() == Some(&0) {
                return;
            }
            if next.place.is_closed() {
                room.waiting.remove(at);
                continue;
            }
            if is_new(&next.of_handler) == newcomers {
                let needs = next.needs;
                if self.fits(&free, &needs, newcomers)
                    && let Some(Waiting { of_handler, place, .. }) = room.waiting.remove(at)
                {
                    given.push((place, self.take_out(room, &needs, &of_handler)));
                    continue;
                }
                if self.fits(&self.all, &needs, newcomers) {
                    kept = combine(&kept, &needs, u32::saturating_add);
                }
            }
            at += 1;
        }
    }

    fn take_out(self: &Arc<Self>, room: &mut Room, needs: &Amounts, of_handler: &Arc<AtomicU32>) -> Place {
        room.free = combine(&room.free, needs, u32::saturating_sub);
        of_handler.fetch_add(1, Ordering::Relaxed);
        Place { places: self.clone(), needs: *needs, of_handler: of_handler.clone() }
    }

    /// Whether what is needed is there; beside what is reserved, but for a newcomer.
    fn fits(&self, free: &Amounts, needs: &Amounts, is_new: bool) -> bool {
        needs.iter().zip(free).zip(&self.all).all(|((&needed, &free), &all)| {
            let reserve = if is_new { 0 } else { all / RESERVED };
            needed == 0 || free >= needed.saturating_add(reserve)
        })
    }

    /// Waits until somebody wants a place and there is none.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// How much there is of each thing.
    pub(super) fn all(&self) -> &Amounts {
        &self.all
    }

    /// How much of each is taken.
    pub(super) fn taken(&self) -> Amounts {
        combine(&self.all, &self.lock().free, u32::saturating_sub)
    }

    /// Whether there is room for instances that nobody waits for: half of it is left to
    /// calls.
    pub(super) fn has_room(&self, needs: &Amounts) -> bool {
        let free = self.lock().free;
        needs.iter().zip(free).zip(&self.all).all(|((&needed, free), &all)| needed == 0 || free > all / 2)
    }

    fn lock(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn combine(one: &Amounts, other: &Amounts, with: impl Fn(u32, u32) -> u32) -> Amounts {
    let mut all = *one;
    all.iter_mut().zip(other).for_each(|(one, &other)| *one = with(*one, other));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(count: u32) -> Amounts {
        [count; THINGS.len()]
    }

    /// An instance with so many memories.
    fn memories(count: u32) -> Amounts {
        [1, 1, count, 1, 1]
    }

    #[test]
    fn a_greedy_handler_leaves_places_to_those_that_have_none() {
        let places = Places::new(count(8));
        let (greedy, modest) = (Arc::default(), Arc::default());
        let taken: Vec<_> = std::iter::from_fn(|| places.try_take(&count(1), &greedy)).collect();
        assert_eq!(taken.len(), 6);
        let first = places.try_take(&count(1), &modest);
        assert!(first.is_some());
        assert!(places.try_take(&count(1), &modest).is_none(), "it has one");
        drop(taken);
        assert!(places.try_take(&count(1), &modest).is_some());
    }

    #[test]
    fn so_it_is_with_each_thing() {
        for thing in 0..THINGS.len() {
            let places = Places::new(count(100));
            let (greedy, modest) = (Arc::default(), Arc::default());
            let mut needs = count(1);
            needs[thing] = 20;
            let taken: Vec<_> = std::iter::from_fn(|| places.try_take(&needs, &greedy)).collect();
            assert_eq!(taken.len(), 3, "75 of {}", THINGS[thing]);
            assert!(places.try_take(&needs, &modest).is_some(), "the reserve of {}", THINGS[thing]);
            drop(taken);
            assert_eq!(places.taken(), count(0));
        }
    }

    #[test]
    fn a_small_pool_has_no_reserve() {
        let places = Places::new(count(1));
        let handler = Arc::default();
        let place = places.try_take(&count(1), &handler);
        assert!(place.is_some() && places.try_take(&count(1), &handler).is_none());
        drop(place);
        assert!(places.try_take(&count(1), &handler).is_some());
    }

    #[tokio::test]
    async fn who_waits_asks_for_a_place_and_gets_it() {
        let places = Places::new(count(1));
        let (holder, waiter) = (Arc::default(), Arc::default());
        let held = places.try_take(&count(1), &holder);
        let let_go = async {
            places.wanted().await;
            drop(held);
        };
        let needs = count(1);
        let (place, ()) = tokio::join!(places.take(&needs, &waiter), let_go);
        assert_eq!((waiter.load(Ordering::Relaxed), holder.load(Ordering::Relaxed)), (1, 0));
        drop(place);
    }

    #[tokio::test]
    async fn what_needs_much_is_not_passed_for_ever_and_holds_up_no_newcomer() {
        let places = Places::new(count(100));
        let (greedy, big, modest) = (Arc::default(), Arc::default(), Arc::default());
        let first_of_big = places.try_take(&memories(1), &big).unwrap();
        let mut small: Vec<_> = std::iter::from_fn(|| places.try_take(&memories(1), &greedy)).collect();
        assert_eq!(small.len(), 74);
        let mut waiting = places.queue(&memories(30), &big);
        places.settle();
        small.truncate(54);
        assert!(waiting.try_recv().is_err(), "20 of 30 are free");
        assert!(places.try_take(&memories(1), &greedy).is_none(), "they are kept for who came before");
        assert!(places.try_take(&memories(1), &modest).is_some());
        small.truncate(40);
        assert!(waiting.try_recv().is_ok());
        drop((first_of_big, small));
    }

    #[tokio::test]
    async fn what_fits_beside_the_reserve_only_once_holds_up_nobody() {
        let places = Places::new(count(100));
        let (big, greedy) = (Arc::default(), Arc::default());
        let first = places.try_take(&memories(80), &big).unwrap();
        let held = places.try_take(&[1, 1, 0, 1, 1], &greedy).unwrap();
        let mut never = places.queue(&memories(80), &big);
        let mut next = places.queue(&[1, 1, 0, 1, 1], &greedy);
        places.settle();
        assert!(never.try_recv().is_err());
        assert!(next.try_recv().is_ok());
        drop((first, held));
    }

    #[tokio::test]
    async fn who_has_left_gives_its_place_back() {
        let places = Places::new(count(1));
        let handler = Arc::default();
        let held = places.try_take(&count(1), &handler);
        let (left, mut stays) = (places.queue(&count(1), &handler), places.queue(&count(1), &handler));
        drop(left);
        drop(held);
        let place = stays.try_recv().unwrap();
        drop((place, stays));
        let late = places.queue(&count(1), &handler);
        places.settle();
        drop(late);
        assert_eq!(places.taken(), count(0));
    }
}
