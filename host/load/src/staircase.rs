//! The highest rate under a limit of the p99: up by doubling, or down by halving, until
//! the limit is passed, then by halving the interval. The rate that is found holds when
//! it is tried a second time.

use std::sync::Arc;
use std::time::Duration;

use crate::plan::{Plan, Shape};
use crate::report::{Listing, Live, Report, staircase_line};
use crate::run;

/// Without `--rate`.
const START: f64 = 100.0;
/// Without `--step`.
const STEP: Duration = Duration::from_secs(5);
/// How close the highest rate that holds and the lowest that does not have to be.
const CLOSE: f64 = 1.05;
/// Requests that may fail, and that must be answered in time.
const FAILED: f64 = 0.01;
const ANSWERED: f64 = 0.97;
const HIGHEST: f64 = 10_000_000.0;
const LOWEST: f64 = 1.0;

/// What a rate came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Holds,
    TooSlow,
    Fails,
    FallsBehind,
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::TooSlow => "too slow",
            Self::Fails => "requests fail",
            Self::FallsBehind => "falls behind",
        }
    }
}

/// Tries rates, and prints what they come to. Gives the report of the best.
pub(crate) fn run(plan: &Plan, limit: Duration, step: Option<Duration>) -> anyhow::Result<Option<Report>> {
    let duration = step.unwrap_or(STEP);
    let start = match plan.shape {
        Shape::Open { rate } => rate,
        Shape::Closed | Shape::Rounds { .. } => START,
    };
    let limit_ms = limit.as_secs_f64() * 1000.0;
    print!("{}", staircase_line(None));
    search(start, |rate| {
        let mut plan = plan.step(duration);
        plan.shape = Shape::Open { rate };
        let plan = Arc::new(plan);
        let measured = {
            let mut live = Live::new(&format!("{rate:.0}/s  "), Listing::Figures);
            run::run(&plan, &mut live)?
        };
        let report = Report::of(&plan, &measured);
        if matches!(measured.ended, run::Ended::Interrupted | run::Ended::Unreachable) {
            return Ok(Tried::Over);
        }
        let verdict = judge(&report, rate, limit_ms);
        print!("{}", staircase_line(Some((&report, verdict.name()))));
        Ok(if verdict == Verdict::Holds { Tried::Holds(report) } else { Tried::Breaks })
    })
}

/// What came of a rate, with what shows that it holds.
enum Tried<T> {
    Holds(T),
    Breaks,
    /// It was interrupted.
    Over,
}

fn judge(report: &Report, rate: f64, limit_ms: f64) -> Verdict {
    let p99_ms = report.latency.map_or(f64::INFINITY, |latency| latency.p99_ms);
    if report.failed as f64 > report.requests as f64 * FAILED {
        Verdict::Fails
    } else if p99_ms > limit_ms {
        Verdict::TooSlow
    } else if report.requests_per_second < rate * ANSWERED {
        Verdict::FallsBehind
    } else {
        Verdict::Holds
    }
}

/// What shows that the highest rate holds, as far as it was found.
fn search<T>(
    start: f64,
    mut attempt: impl FnMut(f64) -> anyhow::Result<Tried<T>>,
) -> anyhow::Result<Option<T>> {
    let (mut low, mut high): (Option<(f64, T)>, Option<f64>) = (None, None);
    let mut rate = start;
    loop {
        match attempt(rate)? {
            Tried::Over => return Ok(low.map(|(_, shown)| shown)),
            Tried::Holds(shown) => low = Some((rate, shown)),
            Tried::Breaks => high = Some(rate),
        }
        rate = match (low.take(), high) {
            (Some((best, shown)), None) if best >= HIGHEST => return Ok(Some(shown)),
            (Some((best, shown)), None) => {
                low = Some((best, shown));
                (best * 2.0).min(HIGHEST)
            }
            (None, Some(bound)) if bound <= LOWEST => return Ok(None),
            (None, Some(bound)) => (bound / 2.0).max(LOWEST),
            (None, None) => return Ok(None),
            (Some((best, shown)), Some(bound)) if bound / best <= CLOSE => match attempt(best)? {
                Tried::Over => return Ok(Some(shown)),
                Tried::Holds(again) => return Ok(Some(again)),
                Tried::Breaks => {
                    // It held by luck.
                    high = Some(best);
                    best / CLOSE
                }
            },
            (Some((best, shown)), Some(bound)) => {
                low = Some((best, shown));
                (best * bound).sqrt()
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(rate: f64, holds: bool) -> anyhow::Result<Tried<f64>> {
        Ok(if holds { Tried::Holds(rate) } else { Tried::Breaks })
    }

    fn found(start: f64, bound: f64) -> (Option<f64>, usize) {
        let mut tries = 0;
        let found = search(start, |rate| {
            tries += 1;
            tried(rate, rate <= bound)
        });
        (found.unwrap(), tries)
    }

    #[test]
    fn the_bound_is_found_from_below_and_from_above() {
        for (start, bound) in [(100.0, 7321.0), (100.0, 100.0), (10_000.0, 37.0), (1.0, 123_456.0)] {
            let (rate, tries) = found(start, bound);
            let rate = rate.unwrap();
            assert!(rate <= bound && rate * CLOSE >= bound, "{start}, {bound}: {rate}");
            assert!(tries < 30, "{tries}");
        }
        assert_eq!(found(100.0, 0.5).0, None);
        assert_eq!(found(100.0, f64::INFINITY).0, Some(HIGHEST));
    }

    #[test]
    fn what_held_by_luck_is_tried_again() {
        // Once, the first rate close to the bound seems to hold.
        let (mut lucky, mut by_luck) = (true, 0.0);
        let rate = search(100.0, |rate| {
            let is_lucky = lucky && (105.0..120.0).contains(&rate);
            if is_lucky {
                (lucky, by_luck) = (false, rate);
            }
            tried(rate, rate <= 104.0 || is_lucky)
        });
        let rate = rate.unwrap().unwrap();
        assert!(by_luck > 104.0, "{by_luck}");
        assert!((104.0 / CLOSE..=104.0).contains(&rate), "{rate}");
    }

    #[test]
    fn an_interrupted_search_gives_what_held() {
        let mut tries = 0;
        let rate = search(100.0, |rate| {
            tries += 1;
            if tries < 4 { tried(rate, true) } else { Ok(Tried::Over) }
        });
        assert_eq!(rate.unwrap(), Some(400.0));
    }
}
