//! What a scenario without a peer measures.

use anyhow::Result;

use crate::aim::Bound;
use crate::subjects::Setting;
use crate::tool::Need;

/// What is measured again and again.
#[derive(Debug)]
pub(crate) struct Series {
    /// One round, whose processes have all ended when it is over.
    pub(crate) measure: fn(&Setting<'_>) -> Result<Sample>,
    /// Beside wrk.
    pub(crate) needs: &'static [Need],
    /// What the value is, with its unit.
    pub(crate) value: &'static str,
    pub(crate) bound: Bound,
}

/// What a round came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) value: f64,
    /// The time it is made of, in microseconds.
    pub(crate) us: f64,
}

impl Sample {
    pub(crate) fn of_ms(ms: f64) -> Self {
        Self { value: ms, us: 1e3 * ms }
    }
}
