//! Medians and their spread. Ratios of pairs are few and not normally distributed,
//! so nothing here takes a mean or a standard deviation.

/// The middle of some values, and how far the middle half of them reaches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    /// The first and the third quartile.
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Spread {
    /// `None` where there are no values.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |share| quantile(&sorted, share);
        Some(Self { median: at(0.5)?, low: at(0.25)?, high: at(0.75)? })
    }
}

/// Between two values, in proportion to their distance (type 7 of Hyndman and Fan,
/// which is what R and NumPy do).
pub(crate) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted.get(place.floor() as usize)?, sorted.get(place.ceil() as usize)?);
    Some(below + (above - below) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_quartiles() {
        for (values, expected) in [
            (&[][..], None),
            (&[3.0], Some((3.0, 3.0, 3.0))),
            (&[2.0, 1.0], Some((1.25, 1.5, 1.75))),
            (&[5.0, 1.0, 3.0, 2.0, 4.0], Some((2.0, 3.0, 4.0))),
            // numpy.percentile([1, 2, 3, 10], [25, 50, 75])
            (&[10.0, 1.0, 2.0, 3.0], Some((1.75, 2.5, 4.75))),
        ] {
            let found = Spread::of(values.iter().copied());
            assert_eq!(found.map(|s| (s.low, s.median, s.high)), expected, "{values:?}");
        }
    }

    #[test]
    fn one_outlier_does_not_move_the_middle() {
        let calm = Spread::of([1.0, 1.1, 0.9, 1.0, 1.05]).unwrap();
        let disturbed = Spread::of([1.0, 1.1, 0.9, 1.0, 50.0]).unwrap();
        assert_eq!(calm.median, disturbed.median);
    }
}
