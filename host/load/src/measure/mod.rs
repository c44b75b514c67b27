//! What is measured while requests are sent, in memory that does not grow with their
//! number: tallies, and slices of time.

mod histogram;
mod tally;
mod timeline;

pub(crate) use self::histogram::Histogram;
pub(crate) use self::tally::{Sample, Tally};
pub(crate) use self::timeline::{Slice, Timeline};
