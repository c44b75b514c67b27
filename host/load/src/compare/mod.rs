//! Two runs beside each other: which of their differences are more than noise.

mod bootstrap;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use self::bootstrap::{FEWEST, Ratio, median, of_pairs, of_runs};
use crate::plan::Plan;
use crate::report::{Listing, Live, Report, aligned, digits, time};
use crate::run::{self, Ended};

/// Without `--duration`, for both together, and without `--step`.
const DURATION: Duration = Duration::from_secs(20);
const STEP: Duration = Duration::from_secs(1);

/// One of the figures that are compared.
struct Figure {
    name: &'static str,
    /// Of a slice of a run, or of a run that is itself a slice.
    of_slices: fn(&Report) -> Vec<f64>,
    of_run: fn(&Report) -> f64,
    shown: fn(f64) -> String,
    /// What more and less of it are called.
    words: (&'static str, &'static str),
}

const SLOWER: (&str, &str) = ("slower", "faster");

const FIGURES: [Figure; 4] = [
    Figure {
        name: "requests/s",
        of_slices: |report| whole(report).map(|slice| slice.requests as f64 / slice.seconds).collect(),
        of_run: |report| report.requests_per_second,
        shown: digits,
        words: ("more", "fewer"),
    },
    Figure {
        name: "mean",
        of_slices: |report| whole(report).map(|slice| slice.mean_ms).filter(|mean| *mean > 0.0).collect(),
        of_run: |report| report.latency.map_or(f64::NAN, |latency| latency.mean_ms),
        shown: time,
        words: SLOWER,
    },
    Figure {
        name: "50 %",
        of_slices: |report| whole(report).map(|slice| slice.p50_ms).filter(|p50| *p50 > 0.0).collect(),
        of_run: |report| report.latency.map_or(f64::NAN, |latency| latency.p50_ms),
        shown: time,
        words: SLOWER,
    },
    Figure {
        name: "99 %",
        of_slices: |report| whole(report).map(|slice| slice.p99_ms).filter(|p99| *p99 > 0.0).collect(),
        of_run: |report| report.latency.map_or(f64::NAN, |latency| latency.p99_ms),
        shown: time,
        words: SLOWER,
    },
];

/// The slices that are not cut short by the end.
fn whole(report: &Report) -> impl Iterator<Item = &crate::report::SliceRow> {
    let longest = report.slices.iter().map(|slice| slice.seconds).fold(0.0, f64::max);
    report.slices.iter().filter(move |slice| slice.seconds > longest / 2.0)
}

/// A row of what is printed.
struct Compared {
    figure: &'static Figure,
    a: f64,
    b: f64,
    ratio: Option<Ratio>,
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
    let row = |figure: &'static Figure| {
        let (slices_a, slices_b) = ((figure.of_slices)(a), (figure.of_slices)(b));
        Compared {
            figure,
            a: median(slices_a.clone()),
            b: median(slices_b.clone()),
            ratio: of_runs(&slices_a, &slices_b),
        }
    };
    FIGURES.iter().map(row).collect()
}

/// Of rounds, each is a value.
fn rounds(a: &Report, b: &Report) -> Vec<Compared> {
    type Of = fn(&crate::report::RoundRow) -> f64;
    const ROUNDS: [(Figure, Of); 3] = [
        (Figure { name: "requests/s in a round", ..FIGURES[0] }, |row| row.requests_per_second),
        (Figure { name: "mean of a round", ..FIGURES[1] }, |row| row.mean_ms),
        (Figure { name: "longest of a round", ..FIGURES[1] }, |row| row.longest_ms),
    ];
    const { &ROUNDS }
        .iter()
        .map(|(figure, of)| {
            let values = |report: &Report| report.rounds.iter().map(of).collect::<Vec<_>>();
            let (a, b) = (values(a), values(b));
            Compared { figure, a: median(a.clone()), b: median(b.clone()), ratio: of_runs(&a, &b) }
        })
        .collect()
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
    let mut reports: [VecDeque<Report>; 2] = Default::default();
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
            list.push_back(Report::of(plan, &measured));
        }
    }
    let [a, b] = reports;
    let rows: Vec<_> = FIGURES.iter().map(|figure| pairwise(figure, &a, &b)).collect();
    print!("{}", table(&rows));
    let failed: u64 = a.iter().chain(&b).map(|report| report.failed).sum();
    if failed > 0 {
        println!("\nnote: {failed} requests failed; load one URL alone to see why");
    }
    Ok(failed)
}

fn pairwise(figure: &'static Figure, a: &VecDeque<Report>, b: &VecDeque<Report>) -> Compared {
    let pairs: Vec<_> = a.iter().map(figure.of_run).zip(b.iter().map(figure.of_run)).collect();
    let (of_a, of_b): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
    Compared { figure, a: median(of_a), b: median(of_b), ratio: of_pairs(&pairs) }
}

fn table(rows: &[Compared]) -> String {
    let head = ["", "A", "B", "B/A", "95 % interval", "B is"].map(str::to_owned).to_vec();
    let rows = rows.iter().map(|row| {
        let shown = |value: f64| if value.is_finite() { (row.figure.shown)(value) } else { "-".to_owned() };
        let (ratio, interval, verdict) = match &row.ratio {
            None => ("-".to_owned(), "-".to_owned(), format!("unknown: under {FEWEST} values")),
            Some(ratio) => (
                format!("{:.3}", ratio.value),
                format!("{:.3} to {:.3}", ratio.low, ratio.high),
                verdict(ratio, row.figure.words),
            ),
        };
        vec![row.figure.name.to_owned(), shown(row.a), shown(row.b), ratio, interval, verdict]
    });
    aligned(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

fn verdict(ratio: &Ratio, (more, less): (&str, &str)) -> String {
    if ratio.is_noise() {
        return "the same, or the difference is noise".to_owned();
    }
    let percent = digits((ratio.value - 1.0).abs() * 100.0);
    format!("{percent} % {}", if ratio.value > 1.0 { more } else { less })
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
            (ratio(1.1, 0.99, 1.2), "the same, or the difference is noise"),
        ] {
            assert_eq!(verdict(&ratio, SLOWER), expected);
        }
    }
}
