//! What is shown while a run goes on: on a terminal a line that changes, else one now and
//! then; rounds as they end, on standard output, since they are a result, and need no
//! other line.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::model::{RoundRow, milliseconds, ratio};
use super::number::{count, digits, time};
use super::text::round_line;
use crate::measure::Slice;
use crate::run::{Glimpse, Round, Watch};

/// Between two lines where there is no terminal.
const PLAIN: Duration = Duration::from_secs(5);
/// Slices whose latency is drawn, and that the rate is of.
const DRAWN: usize = 20;
const RECENT: usize = 5;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Steps of the progress bar.
const STEPS: f64 = 1000.0;

/// Whether a round's latencies are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listing {
    Figures,
    Everything,
}

#[derive(Debug)]
pub(crate) struct Live {
    /// On a terminal.
    bar: Option<ProgressBar>,
    /// Which part of several this is.
    name: String,
    listing: Listing,
    next_line: Duration,
    rounds: u32,
}

impl Live {
    pub(crate) fn new(name: &str, listing: Listing) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(STEPS as u64);
            // Without the template, indicatif's own is used, which serves as well.
            if let Ok(style) = ProgressStyle::with_template("{bar:16.cyan/dim} {wide_msg}") {
                bar.set_style(style.progress_chars("━╸─"));
            }
            bar
        });
        Self { bar, name: name.to_owned(), listing, next_line: PLAIN, rounds: 0 }
    }

    /// Out of the way of a line on standard output.
    fn print(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| print!("{text}")),
            None => print!("{text}"),
        }
    }
}

impl Watch for Live {
    fn tick(&mut self, glimpse: &Glimpse<'_>) {
        let line = format!("{}{}", self.name, status_line(glimpse));
        if let Some(bar) = &self.bar {
            bar.set_position((glimpse.done * STEPS) as u64);
            bar.set_message(line);
        } else if glimpse.rounds.is_none() && glimpse.elapsed.is_some_and(|elapsed| elapsed >= self.next_line)
        {
            self.next_line += PLAIN;
            eprintln!("{line}");
        }
    }

    fn round(&mut self, round: &Round) {
        let mut text = String::new();
        if self.rounds == 0 {
            text.push_str(&round_line(None));
        }
        self.rounds += 1;
        text.push_str(&round_line(Some(&RoundRow::of(round))));
        if self.listing == Listing::Everything {
            let list = round.latencies.iter().map(|latency| format!("{:.2}", milliseconds(*latency as f64)));
            text.push_str(&format!("  ms: {}\n", list.collect::<Vec<_>>().join(" ")));
        }
        self.print(&text);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn status_line(glimpse: &Glimpse<'_>) -> String {
    let Some(elapsed) = glimpse.elapsed else { return "warming up".to_owned() };
    let mut text = format!("{:.1} s  ", elapsed.as_secs_f64());
    // The last slice is not over; where nothing ended there is no latency.
    let over = glimpse.slices.split_last().map_or(glimpse.slices, |(_, over)| over);
    if let Some((done, of)) = glimpse.rounds {
        text.push_str(&format!("{done} of {of} rounds"));
    } else {
        let last = over.get(over.len().saturating_sub(RECENT)..).unwrap_or_default();
        let requests: u64 = last.iter().map(|slice| slice.requests).sum();
        let seconds: f64 = last.iter().map(|slice| slice.seen.as_secs_f64()).sum();
        text.push_str(&format!("{}/s", digits(ratio(requests as f64, seconds))));
    }
    if let Some(slice) = over.iter().rev().find(|slice| !slice.latency.is_empty()) {
        let at = |percent| time(milliseconds(slice.latency.value_at_percentile(percent) as f64));
        text.push_str(&format!("  99 % {}  {}", at(99.0), sparkline(over)));
    }
    match glimpse.tally.failed() {
        0 => {}
        failed => text.push_str(&format!("  {} failed", count(failed))),
    }
    text
}

/// The last slices' 99 % latencies, as bars up to the longest of them.
fn sparkline(slices: &[Slice]) -> String {
    let last = slices.iter().rev().filter(|slice| !slice.latency.is_empty()).take(DRAWN);
    let values: Vec<_> = last.map(|slice| slice.latency.value_at_percentile(99.0)).collect();
    let most = values.iter().copied().max().unwrap_or(0).max(1);
    let bar = |value: u64| BARS.get((value * 7).div_ceil(most) as usize).copied().unwrap_or('█');
    values.into_iter().rev().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{Sample, Tally, Timeline};

    #[test]
    fn a_line_has_the_rate_the_failures_and_the_latency() {
        let (mut all, mut timeline) =
            (Tally::new(1).unwrap(), Timeline::new(Duration::from_millis(100)).unwrap());
        for slice in 0..4 {
            let mut tally = Tally::new(1).unwrap();
            for _ in 0..10 {
                tally.add(Sample {
                    request: 0,
                    status: Some(200),
                    failure: None,
                    latency: Duration::from_millis(10 * (slice + 1)),
                    service: None,
                    lag: None,
                    sent: 0,
                    received: 0,
                    is_late: false,
                });
            }
            let at = Duration::from_millis(100 * slice);
            timeline.add(at, at + Duration::from_millis(100), &tally);
            all.take(&mut tally);
        }
        let mut glimpse = Glimpse {
            tally: &all,
            slices: timeline.slices(),
            elapsed: Some(Duration::from_millis(400)),
            done: 0.4,
            rounds: None,
        };
        let line = status_line(&glimpse);
        assert!(line.starts_with("0.4 s  100/s  99 % 3"), "{line}");
        assert!(line.ends_with("▄▆█"), "{line}");
        glimpse.elapsed = None;
        assert_eq!(status_line(&glimpse), "warming up");
    }
}
