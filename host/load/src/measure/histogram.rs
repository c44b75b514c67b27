//! Histograms of latencies: from a microsecond or less to an hour, to three digits for
//! a whole run, and to two for a slice of it.

use std::time::Duration;

use hdrhistogram::CreationError;

/// Of nanoseconds.
pub(crate) type Histogram = hdrhistogram::Histogram<u64>;
/// Of a slice.
pub(super) type SliceHistogram = hdrhistogram::Histogram<u32>;

const LOWEST: u64 = 256;
const HIGHEST: u64 = 3600 * 1_000_000_000;

/// An empty one.
pub(crate) fn latency_histogram() -> Result<Histogram, CreationError> {
    Histogram::new_with_bounds(LOWEST, HIGHEST, 3)
}

pub(super) fn slice_histogram() -> Result<SliceHistogram, CreationError> {
    SliceHistogram::new_with_bounds(LOWEST, HIGHEST, 2)
}

/// What a histogram takes.
pub(super) fn nanoseconds(latency: Duration) -> u64 {
    u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX)
}
