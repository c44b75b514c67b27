//! Counts and histograms of requests: one tally a thread, which whoever collects takes
//! away and adds up several times a second.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::CreationError;

use super::histogram::{Histogram, latency_histogram, nanoseconds};
use crate::failure::{Class, Failure};

/// What became of a request.
#[derive(Debug)]
pub(crate) struct Sample {
    /// Which one of the plan's.
    pub(crate) request: usize,
    /// Where there was a response.
    pub(crate) status: Option<u16>,
    pub(crate) failure: Option<Failure>,
    /// From when it was due to the end of its response.
    pub(crate) latency: Duration,
    /// From when it was sent, where that is not when it was due.
    pub(crate) service: Option<Duration>,
    /// How much later than due it was sent though a connection was free.
    pub(crate) lag: Option<Duration>,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// Whether it ended after the time in which requests are sent.
    pub(crate) is_late: bool,
}

#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) requests: Vec<OfRequest>,
    pub(crate) service: Histogram,
    pub(crate) lag: Histogram,
    pub(crate) statuses: BTreeMap<u16, u64>,
    pub(crate) failures: BTreeMap<Class, Found>,
    /// Responses that came after the time in which requests were sent.
    pub(crate) late: u64,
    pub(crate) warm_ups: u64,
    pub(crate) connections: u64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// Latencies in nanoseconds, if they are listed.
    pub(crate) list: Option<Vec<u64>>,
}

/// Of one of the plan's requests.
#[derive(Debug)]
pub(crate) struct OfRequest {
    pub(crate) count: u64,
    pub(crate) failed: u64,
    pub(crate) latency: Histogram,
}

/// Failures of a class.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) count: u64,
    /// The first one's words.
    pub(crate) example: String,
}

impl Tally {
    pub(crate) fn new(requests: usize) -> Result<Self, CreationError> {
        let of_request = |_| Ok(OfRequest { count: 0, failed: 0, latency: latency_histogram()? });
        Ok(Self {
            requests: (0..requests).map(of_request).collect::<Result<_, _>>()?,
            service: latency_histogram()?,
            lag: latency_histogram()?,
            statuses: BTreeMap::new(),
            failures: BTreeMap::new(),
            late: 0,
            warm_ups: 0,
            connections: 0,
            sent: 0,
            received: 0,
            list: None,
        })
    }

    pub(crate) fn count(&self) -> u64 {
        self.requests.iter().map(|request| request.count).sum()
    }

    /// Responses, whatever they were.
    pub(crate) fn answered(&self) -> u64 {
        self.statuses.values().sum()
    }

    pub(crate) fn failed(&self) -> u64 {
        self.requests.iter().map(|request| request.failed).sum()
    }

    /// Counts a request. Its latency is one where there was a response, and where it
    /// timed out or could not even be sent, since it took at least that long.
    pub(crate) fn add(&mut self, sample: Sample) {
        let Some(of_request) = self.requests.get_mut(sample.request) else { return };
        of_request.count += 1;
        let timed_out = matches!(sample.failure, Some(Failure::TimedOut(_) | Failure::NotSent(_)));
        if sample.status.is_some() || timed_out {
            let latency = nanoseconds(sample.latency);
            of_request.latency.saturating_record(latency);
            if let Some(list) = &mut self.list {
                list.push(latency);
            }
            if let Some(service) = sample.service {
                self.service.saturating_record(nanoseconds(service));
            }
        }
        if let Some(lag) = sample.lag {
            self.lag.saturating_record(nanoseconds(lag));
        }
        if let Some(failure) = sample.failure {
            of_request.failed += 1;
            let found = self.failures.entry(failure.class()).or_default();
            found.count += 1;
            if found.example.is_empty() {
                found.example = failure.to_string();
            }
        }
        if let Some(status) = sample.status {
            *self.statuses.entry(status).or_default() += 1;
            self.late += u64::from(sample.is_late);
        }
        self.sent += sample.sent;
        self.received += sample.received;
    }

    /// Takes what another has, which is empty then.
    pub(crate) fn take(&mut self, other: &mut Self) {
        for (ours, theirs) in self.requests.iter_mut().zip(&mut other.requests) {
            ours.count += std::mem::take(&mut theirs.count);
            ours.failed += std::mem::take(&mut theirs.failed);
            take_histogram(&mut ours.latency, &mut theirs.latency);
        }
        take_histogram(&mut self.service, &mut other.service);
        take_histogram(&mut self.lag, &mut other.lag);
        for (status, count) in std::mem::take(&mut other.statuses) {
            *self.statuses.entry(status).or_default() += count;
        }
        for (class, found) in std::mem::take(&mut other.failures) {
            let ours = self.failures.entry(class).or_default();
            ours.count += found.count;
            if ours.example.is_empty() {
                ours.example = found.example;
            }
        }
        for (ours, theirs) in [
            (&mut self.late, &mut other.late),
            (&mut self.warm_ups, &mut other.warm_ups),
            (&mut self.connections, &mut other.connections),
            (&mut self.sent, &mut other.sent),
            (&mut self.received, &mut other.received),
        ] {
            *ours += std::mem::take(theirs);
        }
        if let (Some(ours), Some(theirs)) = (&mut self.list, &mut other.list) {
            ours.append(theirs);
        }
    }
}

fn take_histogram(ours: &mut Histogram, theirs: &mut Histogram) {
    if !theirs.is_empty() {
        // Of the same bounds, so it fits.
        let _ = ours.add(&*theirs);
        theirs.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(status: Option<u16>, failure: Option<Failure>, milliseconds: u64) -> Sample {
        Sample {
            request: 0,
            status,
            failure,
            latency: Duration::from_millis(milliseconds),
            service: None,
            lag: None,
            sent: 10,
            received: 20,
            is_late: false,
        }
    }

    #[test]
    fn sums_do_not_depend_on_who_counted() {
        let (mut all, mut one, mut two) =
            (Tally::new(1).unwrap(), Tally::new(1).unwrap(), Tally::new(1).unwrap());
        one.add(sample(Some(200), None, 10));
        one.add(sample(Some(500), Some(Failure::Status(500)), 20));
        two.add(sample(None, Some(Failure::TimedOut(Duration::from_secs(1))), 1000));
        two.add(sample(None, Some(Failure::Closed("early")), 5));
        two.add(sample(Some(503), Some(Failure::Status(503)), 30));
        all.take(&mut one);
        all.take(&mut two);
        all.take(&mut two);
        assert_eq!((all.count(), all.failed(), all.sent, all.received), (5, 4, 50, 100));
        assert_eq!(all.statuses, BTreeMap::from([(200, 1), (500, 1), (503, 1)]));
        let status = &all.failures[&Class::Status];
        assert_eq!(status.count, 2);
        assert!(status.example.starts_with("status 500"), "{}", status.example);
        // What was cut off has no latency; what timed out has.
        assert_eq!(all.requests[0].latency.len(), 4);
        assert!(all.requests[0].latency.max() >= 999_000_000);
        assert_eq!(one.count() + two.count(), 0);
    }
}
