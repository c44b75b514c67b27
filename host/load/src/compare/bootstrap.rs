//! How sure a ratio is, by the bootstrap: it is taken again and again from values drawn
//! with replacement, and the middle 95 per cent of what comes out is the interval. Pure,
//! and the same each time, since the random numbers are.
//!
//! Slices of a run resemble their neighbours, so they are drawn in blocks (the circular
//! block bootstrap); else the intervals would be too narrow.

use fastrand::Rng;

/// How often.
const DRAWS: usize = 4000;
const SEED: u64 = 0x5eed;
/// Fewer values say nothing.
pub(crate) const FEWEST: usize = 5;

/// A ratio, and where it is in 95 of 100 cases.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ratio {
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Ratio {
    /// Whether it may as well be that nothing differs.
    pub(crate) fn is_noise(&self) -> bool {
        self.low <= 1.0 && self.high >= 1.0
    }
}

/// The ratio of the medians of values that have nothing to do with each other.
pub(crate) fn of_runs(a: &[f64], b: &[f64]) -> Option<Ratio> {
    if a.len().min(b.len()) < FEWEST {
        return None;
    }
    let mut rng = Rng::with_seed(SEED);
    let value = median(b.to_vec()) / median(a.to_vec());
    interval(value, || median(blocks(b, &mut rng)) / median(blocks(a, &mut rng)))
}

/// The median of the ratios of pairs.
pub(crate) fn of_pairs(pairs: &[(f64, f64)]) -> Option<Ratio> {
    if pairs.len() < FEWEST {
        return None;
    }
    let ratios: Vec<_> = pairs.iter().map(|(a, b)| b / a).collect();
    let mut rng = Rng::with_seed(SEED);
    let draw = |rng: &mut Rng| (0..ratios.len()).filter_map(|_| rng.choice(&ratios)).copied().collect();
    interval(median(ratios.clone()), || median(draw(&mut rng)))
}

fn interval(value: f64, mut draw: impl FnMut() -> f64) -> Option<Ratio> {
    let mut drawn: Vec<f64> = (0..DRAWS).map(|_| draw()).collect();
    drawn.sort_unstable_by(f64::total_cmp);
    let (low, high) = (*drawn.get(DRAWS / 40)?, *drawn.get(DRAWS - 1 - DRAWS / 40)?);
    // Nothing is a ratio to nothing.
    (value.is_finite() && low.is_finite() && high.is_finite()).then_some(Ratio { value, low, high })
}

/// As many values, in runs of neighbours.
fn blocks(values: &[f64], rng: &mut Rng) -> Vec<f64> {
    let count = values.len();
    let length = (count as f64).cbrt().ceil() as usize;
    let mut drawn = Vec::with_capacity(count + length);
    while drawn.len() < count {
        drawn.extend(values.iter().cycle().skip(rng.usize(..count)).take(length));
    }
    drawn.truncate(count);
    drawn
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let half = values.len() / 2;
    let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
    if values.len() % 2 == 1 { at(half) } else { (at(half.wrapping_sub(1)) + at(half)) / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// About normally distributed, with a standard deviation of a tenth of the mean.
    fn noisy(rng: &mut Rng, mean: f64, count: usize) -> Vec<f64> {
        let value = |rng: &mut Rng| {
            let sum: f64 = (0..12).map(|_| rng.f64()).sum();
            mean * (1.0 + (sum - 6.0) * 0.1)
        };
        (0..count).map(|_| value(rng)).collect()
    }

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn the_same_twice_is_mostly_noise_and_a_difference_is_not() {
        let mut rng = Rng::with_seed(7);
        let (mut alarms, mut found) = (0, 0);
        for _ in 0..100 {
            let (a, same) = (noisy(&mut rng, 50.0, 40), noisy(&mut rng, 50.0, 40));
            alarms += u32::from(!of_runs(&a, &same).unwrap().is_noise());
            let more = noisy(&mut rng, 60.0, 40);
            let ratio = of_runs(&a, &more).unwrap();
            found += u32::from(!ratio.is_noise() && (1.1..1.3).contains(&ratio.value));
        }
        // Five are expected; fifteen would be one case in ten thousand.
        assert!(alarms < 15, "{alarms} false alarms");
        assert_eq!(found, 100);
    }

    #[test]
    fn pairs_see_through_what_happens_to_both() {
        let mut rng = Rng::with_seed(8);
        // The machine becomes three times as slow meanwhile.
        let pair = |number: usize, rng: &mut Rng| {
            let slow = 1.0 + number as f64 / 10.0;
            (slow * (1.0 + rng.f64() * 0.02), slow * 1.1 * (1.0 + rng.f64() * 0.02))
        };
        let pairs: Vec<_> = (0..20).map(|number| pair(number, &mut rng)).collect();
        let ratio = of_pairs(&pairs).unwrap();
        assert!(ratio.low > 1.08 && ratio.high < 1.12, "{ratio:?}");
        let (a, b): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        assert!(of_runs(&a, &b).unwrap().is_noise());
    }

    #[test]
    fn too_few_values_say_nothing() {
        assert_eq!(of_runs(&[1.0; 4], &[1.0; 100]), None);
        assert_eq!(of_pairs(&[(1.0, 1.0); 4]), None);
        assert_eq!(of_pairs(&[(0.0, 1.0); 9]), None);
    }
}
