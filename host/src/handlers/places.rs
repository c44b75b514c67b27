//! The room for instances: how many live at once, of all handlers together, and how much
//! of each thing that is pooled they have.
//!
//! In: who wants to start an instance, and what it needs. Here: a quarter of each thing is
//! kept for handlers that have no instance on the core that asks, and half of that for those
//! that have none at all, so that a greedy handler cannot starve another; what does not fit
//! waits, in turn, and whoever holds idle instances is asked to let go of one. Out: a
//! [`Place`], given back when its instance has ended.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::needs::{Amounts, THINGS};

/// One in so many of each thing is for handlers that have no instance on the core that asks:
/// calls there cannot use those of other cores.
const RESERVED: u32 = 4;
/// One in so many is for handlers that have none at all.
const RESERVED_FOR_NEW: u32 = 8;
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
    holder: Holder,
    place: oneshot::Sender<Place>,
}

/// How many places a handler has: in all, and on the core that asks for another.
#[derive(Debug, Clone, Default)]
pub(super) struct Holder {
    in_all: Arc<AtomicU32>,
    here: Arc<AtomicU32>,
}

/// What a handler has already; who has less comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// It has no instance.
    New,
    /// It has some, but none on the core that asks.
    Elsewhere,
    /// It has one that may take its calls.
    Here,
}

impl Holder {
    /// On a core where it has none yet.
    pub(super) fn on_core(in_all: &Arc<AtomicU32>) -> Self {
        Self { in_all: in_all.clone(), here: Arc::default() }
    }

    /// Whether nobody else has, or waits for, a place in its name.
    pub(super) fn is_unused(&self) -> bool {
        Arc::strong_count(&self.here) == 1
    }

    fn standing(&self) -> Standing {
        match (self.in_all.load(Ordering::Relaxed), self.here.load(Ordering::Relaxed)) {
            (0, _) => Standing::New,
            (_, 0) => Standing::Elsewhere,
            _ => Standing::Here,
        }
    }
}

/// A place of the pool, and its handler's count of them.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    needs: Amounts,
    holder: Holder,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.holder.in_all.fetch_sub(1, Ordering::Relaxed);
        self.holder.here.fetch_sub(1, Ordering::Relaxed);
        self.places.give_back(&self.needs);
    }
}

impl Places {
    pub(super) fn new(all: Amounts) -> Arc<Self> {
        let room = Room { free: all, waiting: VecDeque::new() };
        Arc::new(Self { all, room: Mutex::new(room), wanted: Notify::new() })
    }

    /// A place that is free, if it is not kept for others.
    pub(super) fn try_take(self: &Arc<Self>, needs: &Amounts, holder: &Holder) -> Option<Place> {
        let mut room = self.lock();
        let standing = holder.standing();
        // Who waits was there before; who has less waits for the like only.
        let is_waited_for = room.waiting.iter().any(|waiting| waiting.holder.standing() <= standing);
        let fits = !is_waited_for && self.fits(&room.free, needs, standing);
        fits.then(|| self.take_out(&mut room, needs, holder))
    }

    /// Waits for a place, in turn.
    pub(super) async fn take(self: &Arc<Self>, needs: &Amounts, holder: &Holder) -> Place {
        loop {
            let mut place = self.queue(needs, holder);
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

    fn queue(&self, needs: &Amounts, holder: &Holder) -> oneshot::Receiver<Place> {
        let (place, receiver) = oneshot::channel();
        let waiting = Waiting { needs: *needs, holder: holder.clone(), place };
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

    /// Gives those who wait what there is: who has less first, since it is kept for them.
    fn settle(self: &Arc<Self>) {
        let mut given = Vec::new();
        let mut room = self.lock();
        for standing in [Standing::New, Standing::Elsewhere, Standing::Here] {
            self.serve(&mut room, standing, &mut given);
        }
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
        standing: Standing,
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
            if next.holder.standing() == standing {
                let needs = next.needs;
                if self.fits(&free, &needs, standing)
                    && let Some(Waiting { holder, place, .. }) = room.waiting.remove(at)
                {
                    given.push((place, self.take_out(room, &needs, &holder)));
                    continue;
                }
                if self.fits(&self.all, &needs, standing) {
                    kept = combine(&kept, &needs, u32::saturating_add);
                }
            }
            at += 1;
        }
    }

    fn take_out(self: &Arc<Self>, room: &mut Room, needs: &Amounts, holder: &Holder) -> Place {
        room.free = combine(&room.free, needs, u32::saturating_sub);
        holder.in_all.fetch_add(1, Ordering::Relaxed);
        holder.here.fetch_add(1, Ordering::Relaxed);
        Place { places: self.clone(), needs: *needs, holder: holder.clone() }
    }

    /// Whether what is needed is there, beside what is reserved for who has less.
    fn fits(&self, free: &Amounts, needs: &Amounts, standing: Standing) -> bool {
        needs.iter().zip(free).zip(&self.all).all(|((&needed, &free), &all)| {
            let reserve = match standing {
                Standing::New => 0,
                Standing::Elsewhere => all / RESERVED_FOR_NEW,
                Standing::Here => all / RESERVED,
            };
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
        let (greedy, modest) = (Holder::default(), Holder::default());
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
            let (greedy, modest) = (Holder::default(), Holder::default());
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
    fn a_core_without_an_instance_has_one_though_another_core_has() {
        let places = Places::new(count(16));
        let [greedy, modest] = [Holder::default(), Holder::default()];
        let others = |first: &Holder| Holder::on_core(&first.in_all);
        let first = places.try_take(&count(1), &modest).unwrap();
        let taken: Vec<_> = std::iter::from_fn(|| places.try_take(&count(1), &greedy)).collect();
        assert_eq!(taken.len(), 11);
        assert!(places.try_take(&count(1), &modest).is_none(), "it has one here");
        let second = places.try_take(&count(1), &others(&modest)).unwrap();
        // Cores that a greedy handler is asked at leave half of the reserve to who has nothing.
        let more: Vec<_> = std::iter::from_fn(|| places.try_take(&count(1), &others(&greedy))).collect();
        assert_eq!(more.len(), 1);
        assert!(places.try_take(&count(1), &Holder::default()).is_some());
        drop((first, second, taken, more));
        assert_eq!((modest.standing(), places.taken()), (Standing::New, count(0)));
    }

    #[test]
    fn a_small_pool_has_no_reserve() {
        let places = Places::new(count(1));
        let handler = Holder::default();
        let place = places.try_take(&count(1), &handler);
        assert!(place.is_some() && places.try_take(&count(1), &handler).is_none());
        drop(place);
        assert!(places.try_take(&count(1), &handler).is_some());
    }

    #[tokio::test]
    async fn who_waits_asks_for_a_place_and_gets_it() {
        let places = Places::new(count(1));
        let (holder, waiter) = (Holder::default(), Holder::default());
        let held = places.try_take(&count(1), &holder);
        let let_go = async {
            places.wanted().await;
            drop(held);
        };
        let needs = count(1);
        let (place, ()) = tokio::join!(places.take(&needs, &waiter), let_go);
        assert_eq!((waiter.standing(), holder.standing()), (Standing::Here, Standing::New));
        drop(place);
    }

    #[tokio::test]
    async fn what_needs_much_is_not_passed_for_ever_and_holds_up_no_newcomer() {
        let places = Places::new(count(100));
        let (greedy, big, modest) = (Holder::default(), Holder::default(), Holder::default());
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
        let (big, greedy) = (Holder::default(), Holder::default());
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
        let handler = Holder::default();
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
