//! Whether a version of a handler works: crash loops, and the probation of what has
//! just replaced another.
//!
//! In: how each call ended. Here, for each route: traps in a row without one call that
//! was answered. After [`IN_A_ROW`] of them its calls are refused for a while, then one
//! is let in on trial; the pause doubles until one is answered. Refusing by route means
//! that who can make one route trap cannot take the others away. Out: calls to refuse,
//! and the wish to have the version before back.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

/// Traps in a row before calls are refused.
const IN_A_ROW: u32 = 16;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// As many traps, before any call was answered, end a probation.
const PROBATION: u32 = 3;

/// The health of one version of a handler.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Routes that have trapped since they last gave an answer.
    routes: Mutex<FxHashMap<Arc<str>, Streak>>,
    /// How many those are, so that a healthy handler need not look.
    failing: AtomicU32,
    on_probation: AtomicBool,
    condemned: AtomicBool,
}

#[derive(Debug, Default)]
struct Streak {
    traps: u32,
    pause: Duration,
    until: Option<Instant>,
    on_trial: bool,
}

/// What follows from a trap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    None,
    /// Calls of the route are refused for so long.
    Pause(Duration),
    /// The version before is to serve again.
    RollBack,
}

impl Health {
    /// Whether a call of `route` may run, or how long its calls are refused.
    pub(super) fn admit(&self, route: &str, now: Instant) -> Result<(), Duration> {
        if self.failing.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        let mut routes = self.routes();
        let Some(streak) = routes.get_mut(route) else { return Ok(()) };
        match streak.until {
            Some(until) if now < until => Err(until - now),
            Some(_) => {
                // If nothing is heard of this one, another is let in later.
                streak.until = Some(now + streak.pause);
                streak.on_trial = true;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// A call of `route` was answered; whether that ends a pause.
    pub(super) fn answered(&self, route: &str) -> bool {
        if self.on_probation.load(Ordering::Relaxed) {
            self.on_probation.store(false, Ordering::Relaxed);
        }
        if self.failing.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let mut routes = self.routes();
        let ended = routes.remove(route);
        self.count(&routes);
        ended.is_some_and(|streak| streak.until.is_some())
    }

    /// A call of `route` trapped.
    pub(super) fn trapped(&self, route: &Arc<str>, now: Instant) -> Verdict {
        let mut routes = self.routes();
        let streak = routes.entry(route.clone()).or_default();
        streak.traps = streak.traps.saturating_add(1);
        let due = streak.traps >= IN_A_ROW;
        // Calls that had begun before a pause change nothing about it.
        let counts = streak.on_trial || streak.until.is_none_or(|until| until <= now);
        let pause = (due && counts).then(|| {
            streak.on_trial = false;
            streak.pause = (streak.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
            streak.until = Some(now + streak.pause);
            streak.pause
        });
        self.count(&routes);
        let traps: u32 = routes.values().map(|streak| streak.traps).sum();
        if self.on_probation.load(Ordering::Relaxed) && traps >= PROBATION {
            self.on_probation.store(false, Ordering::Relaxed);
            self.condemned.store(true, Ordering::Relaxed);
            return Verdict::RollBack;
        }
        pause.map_or(Verdict::None, Verdict::Pause)
    }

    /// From now on its first calls decide whether it stays.
    pub(super) fn put_on_probation(&self) {
        self.on_probation.store(true, Ordering::Relaxed);
    }

    /// Whether its first calls have yet to decide.
    pub(super) fn is_on_probation(&self) -> bool {
        self.on_probation.load(Ordering::Relaxed)
    }

    /// Whether its first calls have decided against it.
    pub(super) fn is_condemned(&self) -> bool {
        self.condemned.load(Ordering::Relaxed)
    }

    fn routes(&self) -> MutexGuard<'_, FxHashMap<Arc<str>, Streak>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, routes: &FxHashMap<Arc<str>, Streak>) {
        self.failing.store(u32::try_from(routes.len()).unwrap_or(u32::MAX), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trap(health: &Health, route: &str, times: u32, now: Instant) -> Verdict {
        (0..times).map(|_| health.trapped(&route.into(), now)).last().unwrap()
    }

    #[test]
    fn a_route_that_keeps_trapping_is_refused_for_longer_and_longer() {
        let health = Health::default();
        let mut now = Instant::now();
        assert_eq!(trap(&health, "/x", IN_A_ROW - 1, now), Verdict::None);
        assert!(health.admit("/x", now).is_ok());
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            let pause = Duration::from_secs(seconds);
            assert_eq!(trap(&health, "/x", 1, now), Verdict::Pause(pause));
            assert_eq!(trap(&health, "/x", 5, now), Verdict::None, "had begun before");
            assert_eq!(health.admit("/x", now), Err(pause));
            assert!(health.admit("/y", now).is_ok());
            now += pause;
            assert!(health.admit("/x", now).is_ok(), "on trial");
            assert!(health.admit("/x", now).is_err(), "one at a time");
        }
        assert!(health.answered("/x"));
        assert!(health.admit("/x", now).is_ok());
        assert_eq!(trap(&health, "/x", 1, now), Verdict::None);
    }

    #[test]
    fn an_answer_between_two_traps_ends_the_streak() {
        let health = Health::default();
        let now = Instant::now();
        for _ in 0..3 * IN_A_ROW {
            assert_eq!(trap(&health, "/x", 1, now), Verdict::None);
            assert!(!health.answered("/x"));
        }
    }

    #[test]
    fn the_first_calls_decide_about_a_version() {
        let now = Instant::now();
        let (bad, good) = (Health::default(), Health::default());
        bad.put_on_probation();
        assert_eq!(trap(&bad, "/x", PROBATION - 1, now), Verdict::None);
        assert_eq!(trap(&bad, "/y", 1, now), Verdict::RollBack);
        assert_eq!(trap(&bad, "/y", 1, now), Verdict::None, "it is said once");
        assert!(bad.is_condemned());
        good.put_on_probation();
        good.answered("/x");
        assert_eq!(trap(&good, "/x", PROBATION, now), Verdict::None);
        assert!(!good.is_condemned() && !good.is_on_probation());
    }
}
