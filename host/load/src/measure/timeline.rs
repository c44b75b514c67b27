//! A run in slices of time: what plots show, and what comparisons draw from. There are
//! never more than some hundred; where there would be, each becomes twice as long.

use std::time::Duration;

use hdrhistogram::CreationError;

use super::histogram::{SliceHistogram, slice_histogram};
use super::tally::Tally;

const MOST: usize = 240;

#[derive(Debug)]
pub(crate) struct Timeline {
    width: Duration,
    slices: Vec<Slice>,
    blank: SliceHistogram,
}

/// What ended in a slice of time.
#[derive(Debug, Clone)]
pub(crate) struct Slice {
    /// From the beginning of the run.
    pub(crate) start: Duration,
    /// How much of its time was seen.
    pub(crate) seen: Duration,
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    pub(crate) received: u64,
    pub(crate) latency: SliceHistogram,
}

impl Timeline {
    pub(crate) fn new(width: Duration) -> Result<Self, CreationError> {
        Ok(Self { width, slices: Vec::new(), blank: slice_histogram()? })
    }

    pub(crate) fn slices(&self) -> &[Slice] {
        &self.slices
    }

    /// Adds what ended between two moments, which count from the beginning.
    pub(crate) fn add(&mut self, from: Duration, to: Duration, tally: &Tally) {
        let middle = from + to.saturating_sub(from) / 2;
        let place = |width: Duration| (middle.as_nanos() / width.as_nanos().max(1)) as usize;
        while place(self.width) >= MOST {
            self.halve();
        }
        let place = place(self.width);
        while self.slices.len() <= place {
            let start = self.width * u32::try_from(self.slices.len()).unwrap_or(u32::MAX);
            self.slices.push(Slice::empty(start, self.blank.clone()));
        }
        let Some(slice) = self.slices.get_mut(place) else { return };
        slice.seen += to.saturating_sub(from);
        slice.requests += tally.count();
        slice.failed += tally.failed();
        slice.received += tally.received;
        for value in tally.requests.iter().flat_map(|request| request.latency.iter_recorded()) {
            let count = u32::try_from(value.count_at_value()).unwrap_or(u32::MAX);
            slice.latency.saturating_record_n(value.value_iterated_to(), count);
        }
    }

    fn halve(&mut self) {
        self.width *= 2;
        let mut halved: Vec<Slice> = Vec::with_capacity(MOST);
        for (index, slice) in std::mem::take(&mut self.slices).into_iter().enumerate() {
            match halved.last_mut() {
                Some(last) if index % 2 == 1 => last.merge(&slice),
                _ => halved.push(slice),
            }
        }
        self.slices = halved;
    }
}

impl Slice {
    fn empty(start: Duration, latency: SliceHistogram) -> Self {
        Self { start, seen: Duration::ZERO, requests: 0, failed: 0, received: 0, latency }
    }

    fn merge(&mut self, other: &Self) {
        self.seen += other.seen;
        self.requests += other.requests;
        self.failed += other.failed;
        self.received += other.received;
        // Of the same bounds, so it fits.
        let _ = self.latency.add(&other.latency);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Sample;

    #[test]
    fn slices_become_longer_and_lose_nothing() {
        let tick = Duration::from_millis(100);
        let mut timeline = Timeline::new(tick).unwrap();
        let mut tally = Tally::new(1).unwrap();
        tally.add(Sample {
            request: 0,
            status: Some(200),
            failure: None,
            latency: Duration::from_millis(3),
            service: None,
            lag: None,
            sent: 1,
            received: 2,
            is_late: false,
        });
        for number in 0..1000 {
            timeline.add(tick * number, tick * (number + 1), &tally);
        }
        let slices = timeline.slices();
        assert_eq!(timeline.width, tick * 8);
        assert_eq!(slices.len(), 125);
        assert!(slices.iter().all(|slice| slice.requests == 8 && slice.seen == tick * 8), "{slices:?}");
        assert!(slices.iter().all(|slice| slice.latency.len() == 8));
        assert_eq!(slices[3].start, tick * 24);
    }
}
