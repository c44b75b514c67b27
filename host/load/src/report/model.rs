//! The figures of a run as they are printed, plotted, compared, and written as JSON.
//! Times are in milliseconds or seconds, as the names say.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::UNIX_EPOCH;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use crate::failure::Class;
use crate::measure::{Histogram, Slice};
use crate::plan::{Plan, Shape};
use crate::run::{Ended, Measured, Round};

/// Of the format; a reader refuses others.
const VERSION: u32 = 1;
/// What is shown of the percentile curve, per cent.
const CURVE: [f64; 19] = [
    0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 75.0, 80.0, 85.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.9,
    99.99, 99.999,
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) version: u32,
    /// When it began, in seconds since 1970.
    pub(crate) began_s: u64,
    pub(crate) target: String,
    /// In words.
    pub(crate) load: String,
    pub(crate) ended: String,
    /// Requests a second that were to be sent, in an open loop.
    pub(crate) rate: Option<f64>,
    pub(crate) seconds: f64,
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    pub(crate) given_up: u64,
    pub(crate) warm_ups: u64,
    pub(crate) connections: u64,
    /// Of those that were answered in time.
    pub(crate) requests_per_second: f64,
    pub(crate) sent_bytes: u64,
    pub(crate) received_bytes: u64,
    pub(crate) latency: Option<Latency>,
    /// From sending on, in an open loop, where latency is from when a request was due.
    pub(crate) service: Option<Latency>,
    /// How late the client itself was, in an open loop.
    pub(crate) lag: Option<Latency>,
    /// Per cent, and milliseconds that so many took at most.
    pub(crate) curve: Vec<(f64, f64)>,
    pub(crate) statuses: BTreeMap<u16, u64>,
    pub(crate) failures: Vec<FailureRow>,
    pub(crate) by_request: Vec<RequestRow>,
    pub(crate) rounds: Vec<RoundRow>,
    pub(crate) slices: Vec<SliceRow>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) count: u64,
    pub(crate) shortest_ms: f64,
    pub(crate) mean_ms: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p75_ms: f64,
    pub(crate) p90_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) p9999_ms: f64,
    pub(crate) longest_ms: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FailureRow {
    pub(crate) class: Class,
    pub(crate) count: u64,
    pub(crate) example: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RequestRow {
    pub(crate) name: String,
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    pub(crate) latency: Option<Latency>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RoundRow {
    pub(crate) number: u32,
    pub(crate) concurrency: u64,
    pub(crate) failed: u64,
    pub(crate) seconds: f64,
    pub(crate) longest_ms: f64,
    pub(crate) shortest_ms: f64,
    pub(crate) top90_ms: f64,
    pub(crate) mean_ms: f64,
    pub(crate) requests_per_second: f64,
    pub(crate) megabytes: f64,
    pub(crate) megabytes_per_second: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SliceRow {
    pub(crate) start_s: f64,
    /// How much of its time was seen.
    pub(crate) seconds: f64,
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    pub(crate) received_bytes: u64,
    pub(crate) mean_ms: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p90_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) longest_ms: f64,
}

impl Report {
    pub(crate) fn of(plan: &Plan, measured: &Measured) -> Self {
        let tally = &measured.tally;
        let seconds = measured.window.as_secs_f64();
        let mut all = None;
        for request in &tally.requests {
            match &mut all {
                None => all = Some(request.latency.clone()),
                // Of the same bounds, so it fits.
                Some(all) => drop(all.add(&request.latency)),
            }
        }
        let curve = all.iter().filter(|all| !all.is_empty()).flat_map(curve).collect();
        let rate = match plan.shape {
            Shape::Open { rate } => Some(rate),
            Shape::Closed | Shape::Rounds { .. } => None,
        };
        let by_request = plan.requests.iter().zip(&tally.requests).map(|(request, row)| RequestRow {
            name: request.name.clone(),
            requests: row.count,
            failed: row.failed,
            latency: Latency::of(&row.latency),
        });
        let failures = tally.failures.iter().map(|(class, found)| FailureRow {
            class: *class,
            count: found.count,
            example: found.example.clone(),
        });
        Self {
            version: VERSION,
            began_s: measured.began.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()),
            target: plan.target.clone(),
            load: plan.describe(),
            ended: ended(measured.ended).to_owned(),
            rate,
            seconds,
            requests: tally.count(),
            failed: tally.failed(),
            given_up: measured.given_up,
            warm_ups: tally.warm_ups,
            connections: tally.connections,
            requests_per_second: ratio((tally.answered() - tally.late) as f64, seconds),
            sent_bytes: tally.sent,
            received_bytes: tally.received,
            latency: all.as_ref().and_then(Latency::of),
            service: rate.and_then(|_| Latency::of(&tally.service)),
            lag: rate.and_then(|_| Latency::of(&tally.lag)),
            curve,
            statuses: tally.statuses.clone(),
            failures: failures.collect(),
            by_request: by_request.collect(),
            rounds: measured.rounds.iter().map(RoundRow::of).collect(),
            slices: measured.timeline.slices().iter().map(SliceRow::of).collect(),
        }
    }

    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("could not read {name}; check the path"))?;
        let report: Self = serde_json::from_str(&text)
            .with_context(|| format!("{name} is no run; write one with `patchboard load URL --json FILE`"))?;
        if report.version != VERSION {
            bail!("{name} is of version {}, not {VERSION}; measure again with this program", report.version);
        }
        Ok(report)
    }

    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(path, text + "\n")
            .with_context(|| format!("could not write {}; is its folder there?", path.display()))
    }
}

impl Latency {
    /// `None` where there is none.
    pub(crate) fn of(histogram: &Histogram) -> Option<Self> {
        if histogram.is_empty() {
            return None;
        }
        let at = |percent: f64| at_most(histogram, percent);
        Some(Self {
            count: histogram.len(),
            shortest_ms: milliseconds(histogram.min() as f64),
            mean_ms: milliseconds(histogram.mean()),
            p50_ms: at(50.0),
            p75_ms: at(75.0),
            p90_ms: at(90.0),
            p95_ms: at(95.0),
            p99_ms: at(99.0),
            p999_ms: at(99.9),
            p9999_ms: at(99.99),
            longest_ms: milliseconds(histogram.max() as f64),
        })
    }
}

impl RoundRow {
    pub(crate) fn of(round: &Round) -> Self {
        let latencies = &round.latencies;
        let sum: u64 = latencies.iter().sum();
        // The one that nine in ten are no longer than.
        let place = (latencies.len() * 9).div_ceil(10).saturating_sub(1);
        let at = |place: Option<&u64>| milliseconds(place.copied().unwrap_or(0) as f64);
        let seconds = round.time.as_secs_f64();
        let megabytes = round.bytes as f64 / 1e6;
        Self {
            number: round.number,
            concurrency: round.requests,
            failed: round.failed,
            seconds,
            longest_ms: at(latencies.last()),
            shortest_ms: at(latencies.first()),
            top90_ms: at(latencies.get(place)),
            mean_ms: milliseconds(ratio(sum as f64, latencies.len() as f64)),
            requests_per_second: ratio(round.requests as f64, seconds),
            megabytes,
            megabytes_per_second: ratio(megabytes, seconds),
        }
    }
}

impl SliceRow {
    fn of(slice: &Slice) -> Self {
        let latency = &slice.latency;
        let at = |percent: f64| milliseconds(latency.value_at_percentile(percent) as f64);
        Self {
            start_s: slice.start.as_secs_f64(),
            seconds: slice.seen.as_secs_f64(),
            requests: slice.requests,
            failed: slice.failed,
            received_bytes: slice.received,
            mean_ms: milliseconds(latency.mean()),
            p50_ms: at(50.0),
            p90_ms: at(90.0),
            p99_ms: at(99.0),
            longest_ms: milliseconds(latency.max() as f64),
        }
    }
}

/// Up to where a percentile is still one of several values.
fn curve(histogram: &Histogram) -> Vec<(f64, f64)> {
    let most = 100.0 * (1.0 - 1.0 / histogram.len() as f64);
    let points = CURVE.into_iter().filter(|percent| *percent <= most || *percent == 0.0);
    points.map(|percent| (percent, at_most(histogram, percent))).collect()
}

/// A bucket's upper end may be above the greatest value in it.
fn at_most(histogram: &Histogram, percent: f64) -> f64 {
    milliseconds(histogram.value_at_percentile(percent).min(histogram.max()) as f64)
}

pub(crate) fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}

pub(crate) fn milliseconds(nanoseconds: f64) -> f64 {
    nanoseconds / 1e6
}

fn ended(ended: Ended) -> &'static str {
    match ended {
        Ended::Complete => "complete",
        Ended::Time => "time is over",
        Ended::Interrupted => "interrupted",
        Ended::Unreachable => "given up, since nobody listens",
    }
}
