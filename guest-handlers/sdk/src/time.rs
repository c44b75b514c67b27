//! Time that can be awaited.
//!
//! While a call awaits one of these, the other calls of its instance go on.
//! `std::thread::sleep` would stop them all. In unit tests it is the machine's time.

mod clock;

use std::pin::pin;
use std::time::Duration;

/// Waits for `duration`.
pub async fn sleep(duration: Duration) {
    clock::wait_for(nanoseconds(duration)).await;
}

/// Runs `future`, but no longer than `duration`; [`Elapsed`] if it took longer.
/// It is then dropped where it waits.
pub async fn timeout<F: Future>(duration: Duration, future: F) -> Result<F::Output, Elapsed> {
    use futures_util::future::{Either, select};

    match select(pin!(future), pin!(sleep(duration))).await {
        Either::Left((output, _)) => Ok(output),
        Either::Right(((), _)) => Err(Elapsed(())),
    }
}

/// The time given to [`timeout`] has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl std::fmt::Display for Elapsed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the time has passed")
    }
}

impl std::error::Error for Elapsed {}

/// Ticks at once, and then every `period`.
///
/// The ticks keep to their schedule however long the code between them takes;
/// those that were missed are left out.
pub fn interval(period: Duration) -> Interval {
    Interval { next: clock::now(), period: nanoseconds(period).max(1) }
}

/// See [`interval`].
#[derive(Debug)]
pub struct Interval {
    next: clock::Mark,
    period: u64,
}

impl Interval {
    /// Waits for the next tick.
    pub async fn tick(&mut self) {
        clock::wait_until(self.next).await;
        self.next = next_tick(self.next, self.period, clock::now());
    }
}

pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The first tick after `now` on the schedule of the one that was `last`.
fn next_tick(last: u64, period: u64, now: u64) -> u64 {
    let missed = now.saturating_sub(last) / period;
    last.saturating_add(period.saturating_mul(missed.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_keep_to_their_schedule() {
        assert_eq!(next_tick(100, 10, 100), 110);
        assert_eq!(next_tick(100, 10, 109), 110);
        assert_eq!(next_tick(100, 10, 110), 120);
        assert_eq!(next_tick(100, 10, 137), 140);
        assert_eq!(next_tick(u64::MAX - 1, 10, 0), u64::MAX);
    }
}
