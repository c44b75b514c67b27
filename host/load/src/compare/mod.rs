//! Two runs beside each other: which of their differences are more than noise.

mod bootstrap;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use self::bootstrap::{FEWEST, Ratio, median, of_pairs, of_runs};
use crate::plan::Plan;
use crate::report::{Listing, Live, Report, RoundRow, SliceRow, aligned, digits, time};
use crate::run::{self, Ended};

/// Without `--duration`, for both together, and without `--step`.
const DURATION: Duration = Duration::from_secs(20);
const STEP: Duration = Duration::from_secs(1);

/// A row of what is printed.
struct Compared {
    name: &'static str,
    words: Words,
    a: f64,
    b: f64,
    ratio: Option<Ratio>,
}

/// How a figure is spoken of.
#[derive(Clone, Copy)]
enum Words {
    Rate,
    Latency,
}

impl Words {
    fn shown(self, value: f64) -> String {
        match self {
            _ if !value.is_finite() => "-".to_owned(),
            Self::Rate => digits(value),
            Self::Latency => time(value),
        }
    }

    /// What B is, of which there is more or less.
    fn verdict(self, ratio: &Ratio) -> String {
        if ratio.is_noise() {
            return "the same, or noise".to_owned();
        }
        let percent = digits((ratio.value - 1.0).abs() * 100.0);
        let word = match (self, ratio.value > 1.0) {
            (Self::Rate, true) => "more",
            (Self::Rate, false) => "fewer",
            (Self::Latency, true) => "slower",
            (Self::Latency, false) => "faster",
        };
        format!("{percent} % {word}")
    }
}

/// Compares two runs that were written as files.
pub(crate) fn files(a: &Path, b: &Path) -> anyhow::Result<()> {
    let (a, b) = (Report::read(a)?, Report::read(b)?);
    println!("A  {}\n   {}\nB  {}\n   {}\n", a.target, a.load, b.target, b.load);
    let rows = if a.rounds.is_empty() || b.rounds.is_empty() { slices(&a, &b) } else { rounds(&a, &b) };
    print!("{}", table(&rows));
    failures(&a, &b);
    println!(
        "\nnote: these are two runs at two times; what else changed on the machine meanwhile is not in the \
         intervals. --vs measures two URLs in turns"
    );
    Ok(())
}

fn slices(a: &Report, b: &Report) -> Vec<Compared> {
    let row = |name, words, of: fn(&SliceRow) -> f64| {
        // Where nothing ended there is no latency.
        let values = |report| whole(report).map(of).filter(|value| *value > 0.0).collect();
        unpaired(name, words, values(a), values(b))
    };
    vec![
        row("requests/s", Words::Rate, |slice| slice.requests as f64 / slice.seconds),
        row("mean", Words::Latency, |slice| slice.mean_ms),
        row("50 %", Words::Latency, |slice| slice.p50_ms),
        row("99 %", Words::Latency, |slice| slice.p99_ms),
    ]
}

/// The slices that are not cut short by the end.
fn whole(report: &Report) -> impl Iterator<Item = &SliceRow> {
    let longest = report.slices.iter().map(|slice| slice.seconds).fold(0.0, f64::max);
    report.slices.iter().filter(move |slice| slice.seconds > longest / 2.0)
}

fn rounds(a: &Report, b: &Report) -> Vec<Compared> {
    let row = |name, words, of: fn(&RoundRow) -> f64| {
        let values = |report: &Report| report.rounds.iter().map(of).collect();
        unpaired(name, words, values(a), values(b))
    };
    vec![
        row("requests/s in a round", Words::Rate, |round| round.requests_per_second),
        row("mean of a round", Words::Latency, |round| round.mean_ms),
        row("longest of a round", Words::Latency, |round| round.longest_ms),
    ]
}

fn unpaired(name: &'static str, words: Words, a: Vec<f64>, b: Vec<f64>) -> Compared {
    let ratio = of_runs(&a, &b);
    Compared { name, words, a: median(a), b: median(b), ratio }
}

/// Loads two URLs in turns, A B B A, and compares what they come to.
pub(crate) fn in_turns(
    a: &Plan,
    b: &Plan,
    duration: Option<Duration>,
    step: Option<Duration>,
) -> anyhow::Result<u64> {
    let step = step.unwrap_or(STEP);
    let pairs = duration.unwrap_or(DURATION).div_duration_f64(step * 2).ceil().max(FEWEST as f64) as usize;
    let plans = [Arc::new(a.step(step)), Arc::new(b.step(step))];
    println!("A  {}\nB  {}\n   {}; {pairs} times each in turns\n", a.target, b.target, a.describe());
    let mut reports: [Vec<Report>; 2] = Default::default();
    'pairs: for pair in 0..pairs {
        for turn in 0..2 {
            let side = (pair + turn) % 2;
            let (Some(plan), Some(list)) = (plans.get(side), reports.get_mut(side)) else { continue };
            let name = format!("{} {}/{pairs}  ", if side == 0 { "A" } else { "B" }, pair + 1);
            let measured = {
                let mut live = Live::new(&name, Listing::Figures);
                run::run(plan, &mut live)?
            };
            if matches!(measured.ended, Ended::Interrupted | Ended::Unreachable) {
                break 'pairs;
            }
            list.push(Report::of(plan, &measured));
        }
    }
    let [a, b] = reports;
    print!("{}", table(&pairs_of(&a, &b)));
    let failed: u64 = a.iter().chain(&b).map(|report| report.failed).sum();
    if failed > 0 {
        println!("\nnote: {failed} requests failed; load one URL alone to see why");
    }
    Ok(failed)
}

fn pairs_of(a: &[Report], b: &[Report]) -> Vec<Compared> {
    let row = |name, words, of: fn(&Report) -> f64| {
        let pairs: Vec<_> = a.iter().map(of).zip(b.iter().map(of)).collect();
        let (of_a, of_b): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
        Compared { name, words, a: median(of_a), b: median(of_b), ratio: of_pairs(&pairs) }
    };
    vec![
        row("requests/s", Words::Rate, |report| report.requests_per_second),
        row("mean", Words::Latency, |report| report.latency.map_or(f64::NAN, |latency| latency.mean_ms)),
        row("50 %", Words::Latency, |report| report.latency.map_or(f64::NAN, |latency| latency.p50_ms)),
        row("99 %", Words::Latency, |report| report.latency.map_or(f64::NAN, |latency| latency.p99_ms)),
    ]
}

fn table(rows: &[Compared]) -> String {
    let head = ["", "A", "B", "B/A", "95 % interval", "verdict on B"].map(str::to_owned).to_vec();
    let rows = rows.iter().map(|Compared { name, words, a, b, ratio }| {
        let (ratio, interval, verdict) = match ratio {
            None => ("-".to_owned(), "-".to_owned(), format!("unknown: under {FEWEST} values")),
            Some(ratio) => (
                format!("{:.3}", ratio.value),
                format!("{:.3} to {:.3}", ratio.low, ratio.high),
                words.verdict(ratio),
            ),
        };
        vec![(*name).to_owned(), words.shown(*a), words.shown(*b), ratio, interval, verdict]
    });
    aligned(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

fn failures(a: &Report, b: &Report) {
    if a.failed + b.failed > 0 {
        println!(
            "\nnote: of A {} requests failed, of B {}; their latencies may not compare",
            a.failed, b.failed
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts() {
        let ratio = |value: f64, low: f64, high: f64| Ratio { value, low, high };
        for (ratio, expected) in [
            (ratio(1.25, 1.2, 1.3), "25.0 % slower"),
            (ratio(0.5, 0.4, 0.6), "50.0 % faster"),
            (ratio(1.1, 0.99, 1.2), "the same, or noise"),
        ] {
            assert_eq!(Words::Latency.verdict(&ratio), expected);
        }
    }
}
