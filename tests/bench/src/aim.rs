//! What is hoped for, and whether it is so.

use std::fmt;

use crate::row::Measure;

/// Fewer calm pairs than this decide nothing.
pub(crate) const FEWEST_PAIRS: usize = 5;

/// What a measure of ours shall be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Aim {
    pub(crate) measure: Measure,
    pub(crate) bound: Bound,
    pub(crate) of: Of,
}

/// What a bound is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Of {
    /// The ratio to the subject of this name.
    Peer(&'static str),
    /// The value itself, of so many calm rounds or more.
    Rounds(usize),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// In order of what prevails over what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Met,
    /// There were too few calm pairs to tell.
    Inconclusive,
    Missed,
}

impl Bound {
    /// Whether `median` is within the bound; `None` where there was too little to tell.
    pub(crate) fn verdict(self, median: Option<f64>) -> Verdict {
        let Some(median) = median else { return Verdict::Inconclusive };
        let met = match self {
            Self::AtMost(most) => median <= most,
            Self::AtLeast(least) => median >= least,
        };
        if met { Verdict::Met } else { Verdict::Missed }
    }

    /// In words, with the value as `show` has it.
    pub(crate) fn describe(self, show: impl Fn(f64) -> String) -> String {
        match self {
            Self::AtMost(most) => format!("at most {}", show(most)),
            Self::AtLeast(least) => format!("at least {}", show(least)),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe(|value| value.to_string()))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Met => "met",
            Self::Inconclusive => "inconclusive",
            Self::Missed => "missed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_is_never_a_pass() {
        for (bound, median, expected) in [
            (Bound::AtMost(1.1), Some(1.0), Verdict::Met),
            (Bound::AtMost(1.1), Some(1.1), Verdict::Met),
            (Bound::AtMost(1.1), Some(1.2), Verdict::Missed),
            (Bound::AtMost(1.1), None, Verdict::Inconclusive),
            (Bound::AtLeast(0.8), Some(0.9), Verdict::Met),
            (Bound::AtLeast(0.8), Some(0.7), Verdict::Missed),
            (Bound::AtLeast(0.8), None, Verdict::Inconclusive),
        ] {
            assert_eq!(bound.verdict(median), expected, "{bound}, {median:?}");
        }
    }

    #[test]
    fn what_is_missed_prevails() {
        assert!(Verdict::Missed > Verdict::Inconclusive && Verdict::Inconclusive > Verdict::Met);
    }
}
