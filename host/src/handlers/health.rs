//! Whether a version of a handler works: crash loops, and the probation of what has
//! just replaced another.
//!
//! In: how each call ended. Here, for each path: traps in a row without one call that
//! was answered. After [`IN_A_ROW`] of them its calls are refused for a while, then one
//! is let in on trial; the pause doubles until one is answered. Refusing by path means
//! that who can make one trap cannot take the others away. Only where instances do not
//! even start is the whole handler refused. Out: calls to refuse, and the wish to have
//! the version before back.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

/// Traps in a row before calls are refused.
const IN_A_ROW: u32 = 16;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Paths that are remembered; of more, only those that are refused.
const PATHS: usize = 1024;
/// Stands for all paths, in the place of one.
const ALL: &str = "";
/// As many traps, before any call was answered, end a probation.
const PROBATION: u32 = 3;

/// The health of one version of a handler.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// Paths that have trapped since they last gave an answer.
    paths: Mutex<FxHashMap<Box<str>, Streak>>,
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
    /// Calls of the path, or all where no instance starts, are refused for so long.
    Pause(Duration),
    /// The version before is to serve again.
    RollBack,
}

impl Health {
    /// Whether a call of `path` may run, or how long its calls are refused.
    pub(super) fn admit(&self, path: &str, now: Instant) -> Result<(), Duration> {
        if self.failing.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        let mut paths = self.paths();
        [ALL, path].iter().filter_map(|key| paths.get_mut(*key).map(|streak| streak.admit(now))).collect()
    }

    /// A call of `path` was answered; whether that ends a pause.
    pub(super) fn answered(&self, path: &str) -> bool {
        if self.on_probation.load(Ordering::Relaxed) {
            self.on_probation.store(false, Ordering::Relaxed);
        }
        if self.failing.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let mut paths = self.paths();
        let ended = [ALL, path].map(|key| paths.remove(key));
        self.count(&paths);
        ended.iter().flatten().any(|streak| streak.until.is_some())
    }

    /// No instance could be started.
    pub(super) fn not_started(&self, now: Instant) -> Verdict {
        self.trapped(ALL, now)
    }

    /// A call of `path` trapped.
    pub(super) fn trapped(&self, path: &str, now: Instant) -> Verdict {
        let mut paths = self.paths();
        if paths.len() >= PATHS && !paths.contains_key(path) {
            paths.retain(|_, streak| streak.until.is_some_and(|until| now < until));
        }
        if paths.len() >= PATHS && !paths.contains_key(path) {
            return Verdict::None;
        }
        let streak = paths.entry(path.into()).or_default();
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
        self.count(&paths);
        let traps: u32 = paths.values().map(|streak| streak.traps).sum();
        if self.on_probation.load(Ordering::Relaxed) && traps >= PROBATION {
            self.on_probation.store(false, Ordering::Relaxed);
            self.condemned.store(true, Ordering::Relaxed);
            return Verdict::RollBack;
        }
        pause.map_or(Verdict::None, Verdict::Pause)
    }

    /// A call of `path` has ended without an answer, and without a trap that was its own: if it
    /// was let in on trial, another is.
    pub(super) fn undecided(&self, path: &str, now: Instant) {
        if self.failing.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut paths = self.paths();
        for key in [ALL, path] {
            if let Some(streak) = paths.get_mut(key)
                && std::mem::take(&mut streak.on_trial)
            {
                streak.until = Some(now);
            }
        }
    }

    /// From now on its first calls decide whether it stays.
    pub(crate) fn put_on_probation(&self) {
        self.on_probation.store(true, Ordering::Relaxed);
    }

    /// Whether its first calls have yet to decide.
    pub(crate) fn is_on_probation(&self) -> bool {
        self.on_probation.load(Ordering::Relaxed)
    }

    /// Whether its first calls have decided against it.
    pub(crate) fn is_condemned(&self) -> bool {
        self.condemned.load(Ordering::Relaxed)
    }

    fn paths(&self) -> MutexGuard<'_, FxHashMap<Box<str>, Streak>> {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, paths: &FxHashMap<Box<str>, Streak>) {
        self.failing.store(u32::try_from(paths.len()).unwrap_or(u32::MAX), Ordering::Relaxed);
    }
}

impl Streak {
    fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        match self.until {
            Some(until) if now < until => Err(until - now),
            Some(_) => {
                // If nothing is heard of this one, another is let in later.
                self.until = Some(now + self.pause);
                self.on_trial = true;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trap(health: &Health, path: &str, times: u32, now: Instant) -> Verdict {
        (0..times).map(|_| health.trapped(path, now)).last().unwrap()
    }

    #[test]
    fn a_path_that_keeps_trapping_is_refused_for_longer_and_longer() {
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
    fn a_trial_that_decides_nothing_is_followed_by_another() {
        let health = Health::default();
        let now = Instant::now();
        health.undecided("/x", now);
        trap(&health, "/x", IN_A_ROW, now);
        health.undecided("/x", now);
        assert!(health.admit("/x", now).is_err(), "one that had begun before ends no pause");
        let later = now + FIRST_PAUSE;
        assert!(health.admit("/x", later).is_ok() && health.admit("/x", later).is_err());
        health.undecided("/x", later);
        assert!(health.admit("/x", later).is_ok() && health.admit("/x", later).is_err());
        assert_eq!(trap(&health, "/x", 1, later), Verdict::Pause(2 * FIRST_PAUSE));
    }

    #[test]
    fn where_no_instance_starts_all_paths_are_refused() {
        let health = Health::default();
        let now = Instant::now();
        let verdict = (0..IN_A_ROW).map(|_| health.not_started(now)).last();
        assert_eq!(verdict, Some(Verdict::Pause(FIRST_PAUSE)));
        assert!(health.admit("/x", now).is_err() && health.admit("/y", now).is_err());
        let later = now + FIRST_PAUSE;
        assert!(health.admit("/x", later).is_ok() && health.admit("/y", later).is_err());
        assert!(health.answered("/x"));
        assert!(health.admit("/y", later).is_ok());
    }

    #[test]
    fn paths_that_are_made_up_take_no_more_than_their_room() {
        let health = Health::default();
        let now = Instant::now();
        trap(&health, "/x", IN_A_ROW, now);
        for number in 0..3 * PATHS {
            trap(&health, &format!("/{number}"), 1, now);
        }
        assert!(health.paths().len() <= PATHS);
        assert!(health.admit("/x", now).is_err());
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
