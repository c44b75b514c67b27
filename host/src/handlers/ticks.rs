//! The clock of the epoch: when a guest that computes is interrupted. It stands still while no
//! guest runs.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread::Thread;
use std::time::Duration;

/// The period of the epoch: a guest runs for two of them at most before others get a turn.
pub(super) const TICK: Duration = Duration::from_millis(5);
/// The same while some call computes for longer.
pub(super) const SHORT_TICK: Duration = Duration::from_millis(1);
/// Ticks in which no guest ran, after which it stands still.
const IDLE_TICKS: u32 = 20;
/// How often it is looked all the same whether one runs.
const LOOK: Duration = Duration::from_secs(2);

/// Guests have run since the last tick.
const ACTIVE: u8 = 0;
/// Not since the last one.
const IDLE: u8 = 1;
/// It stands still: who enters a guest wakes it.
const ASLEEP: u8 = 2;

/// What the thread that raises the epoch, and those that it interrupts, tell each other.
#[derive(Debug, Default)]
pub(super) struct Ticks {
    count: AtomicU64,
    /// Some call computes for longer than a tick.
    computing: AtomicBool,
    state: AtomicU8,
    thread: OnceLock<Thread>,
    /// Of each core, whether it is in a guest.
    cores: Mutex<Vec<Weak<InGuest>>>,
}

/// Whether a core is in a guest; written by it alone.
#[derive(Debug, Default)]
pub(super) struct InGuest(AtomicBool);

impl Ticks {
    /// How many there have been.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Counts one; whether some call has computed since the one before.
    pub(super) fn tick(&self) -> bool {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.computing.swap(false, Ordering::Relaxed)
    }

    /// Notes that a call computes.
    pub(super) fn set_computing(&self) {
        self.computing.store(true, Ordering::Relaxed);
    }

    /// For a core, which tells by it when it is in a guest.
    pub(super) fn core(&self) -> Arc<InGuest> {
        let core = Arc::<InGuest>::default();
        let mut cores = self.lock();
        cores.retain(|core| core.strong_count() > 0);
        cores.push(Arc::downgrade(&core));
        core
    }

    /// The core enters a guest. It costs two writes that nobody else makes, unless nobody has
    /// done so since the last tick.
    pub(super) fn enter(&self, core: &InGuest) {
        core.0.store(true, Ordering::Relaxed);
        if self.state.load(Ordering::Relaxed) != ACTIVE
            && self.state.swap(ACTIVE, Ordering::SeqCst) == ASLEEP
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// It has left it.
    pub(super) fn leave(&self, core: &InGuest) {
        core.0.store(false, Ordering::Relaxed);
    }

    /// Whether a core has been in a guest since this was last asked, or is.
    fn was_active(&self) -> bool {
        self.state.compare_exchange(ACTIVE, IDLE, Ordering::SeqCst, Ordering::SeqCst).is_ok()
            || self.is_in_guest()
    }

    fn is_in_guest(&self) -> bool {
        let mut cores = self.lock();
        cores.retain(|core| core.strong_count() > 0);
        cores.iter().filter_map(Weak::upgrade).any(|core| core.0.load(Ordering::Relaxed))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<InGuest>>> {
        self.cores.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be asked by the thread after each tick: stands still where no guest has run for some,
    /// until one does, or the moment to look has come; false in that case.
    pub(super) fn rest(&self, idle: &mut u32) -> bool {
        *idle = if self.was_active() { 0 } else { *idle + 1 };
        if *idle < IDLE_TICKS {
            return true;
        }
        self.thread.get_or_init(std::thread::current);
        if self.state.compare_exchange(IDLE, ASLEEP, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            return true;
        }
        if !self.is_in_guest() {
            std::thread::park_timeout(LOOK);
        }
        // Whoever has entered one meanwhile has said so, and stays to be seen at the next tick.
        let slept = self.state.compare_exchange(ASLEEP, IDLE, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        !slept || self.is_in_guest()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn it_stands_still_until_a_guest_is_entered() {
        let ticks = Arc::new(Ticks::default());
        let core = ticks.core();
        let mut idle = 0;
        ticks.enter(&core);
        // It goes on for as long as a core is in a guest, whether or not that says so again.
        for _ in 0..10 * IDLE_TICKS {
            assert!(ticks.rest(&mut idle));
            assert_eq!(idle, 0);
        }
        ticks.leave(&core);
        for _ in 1..IDLE_TICKS {
            assert!(ticks.rest(&mut idle));
        }
        let start = Instant::now();
        assert!(!ticks.rest(&mut idle), "nobody woke it");
        assert!(start.elapsed() >= LOOK);
        let (asleep, entering) = (ticks.clone(), core.clone());
        let thread = std::thread::spawn(move || {
            let mut idle = IDLE_TICKS;
            while !asleep.rest(&mut idle) {}
        });
        while ticks.state.load(Ordering::SeqCst) != ASLEEP {
            std::thread::yield_now();
        }
        ticks.enter(&entering);
        thread.join().unwrap();
    }
}
