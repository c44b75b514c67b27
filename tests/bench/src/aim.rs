//! What is hoped for, and whether it is so.

use std::fmt;

use crate::row::Measure;

/// Fewer calm pairs than this decide nothing.
pub(crate) const FEWEST_PAIRS: usize = 5;

/// What the ratio to a peer shall be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Aim {
    pub(crate) measure: Measure,
    pub(crate) bound: Bound,
    /// The subject that is compared with.
    pub(crate) peer: &'static str,
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
    /// Whether the median `ratio` of so many calm pairs is within the bound.
    pub(crate) fn verdict(self, ratio: Option<f64>, pairs: usize) -> Verdict {
        let Some(ratio) = ratio.filter(|_| pairs >= FEWEST_PAIRS) else { return Verdict::Inconclusive };
        let met = match self {
            Self::AtMost(most) => ratio <= most,
            Self::AtLeast(least) => ratio >= least,
        };
        if met { Verdict::Met } else { Verdict::Missed }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "at most {most}"),
            Self::AtLeast(least) => write!(f, "at least {least}"),
        }
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
    fn four_pairs_are_never_a_pass() {
        for (bound, ratio, pairs, expected) in [
            (Bound::AtMost(1.1), Some(1.0), 5, Verdict::Met),
            (Bound::AtMost(1.1), Some(1.1), 5, Verdict::Met),
            (Bound::AtMost(1.1), Some(1.2), 5, Verdict::Missed),
            (Bound::AtMost(1.1), Some(0.1), 4, Verdict::Inconclusive),
            (Bound::AtLeast(0.8), Some(0.9), 9, Verdict::Met),
            (Bound::AtLeast(0.8), Some(0.7), 9, Verdict::Missed),
            (Bound::AtLeast(0.8), None, 0, Verdict::Inconclusive),
        ] {
            assert_eq!(bound.verdict(ratio, pairs), expected, "{bound}, {ratio:?}, {pairs}");
        }
    }

    #[test]
    fn what_is_missed_prevails() {
        assert!(Verdict::Missed > Verdict::Inconclusive && Verdict::Inconclusive > Verdict::Met);
    }
}
