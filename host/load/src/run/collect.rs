//! Takes what the threads have counted, ten times a second, and adds it up: in all, and
//! in slices of time.

use std::time::{Duration, Instant};

use hdrhistogram::CreationError;

use super::shared::Shared;
use crate::measure::{Tally, Timeline};
use crate::plan::Plan;

/// Of time, before there are too many.
const SLICE: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct Collector {
    pub(super) total: Tally,
    pub(super) timeline: Timeline,
    /// What came since the last time.
    delta: Tally,
    /// Takes the place of a thread's tally.
    spare: Tally,
    /// When that was, from the beginning on.
    last: Duration,
}

impl Collector {
    pub(super) fn new(plan: &Plan, lists: bool) -> Result<Self, CreationError> {
        let tally = || {
            let mut tally = Tally::new(plan.requests.len())?;
            tally.list = lists.then(Vec::new);
            Ok(tally)
        };
        Ok(Self {
            total: tally()?,
            timeline: Timeline::new(SLICE)?,
            delta: tally()?,
            spare: tally()?,
            last: Duration::ZERO,
        })
    }

    pub(super) fn collect(&mut self, shared: &Shared) {
        let mut thread = 0;
        while let Some(mut tally) = shared.tally(thread) {
            // Swapped, so that the thread is not kept from counting meanwhile.
            std::mem::swap(&mut *tally, &mut self.spare);
            drop(tally);
            self.delta.take(&mut self.spare);
            thread += 1;
        }
        let now = shared.elapsed(Instant::now());
        if now > self.last {
            self.timeline.add(self.last, now, &self.delta);
            self.last = now;
        }
        self.total.take(&mut self.delta);
    }
}
