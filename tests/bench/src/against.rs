//! Our own server beside itself at another revision, with the guests of that revision.
//! xtask has built it in `target/against`.
//!
//! Wherever it is asked that something be *no slower*, this is the rule: of nine calm
//! pairs or more, the middle half of the ratios includes 1 or lies below. It goes by the
//! server's CPU time for a request, or where there are no requests, by the time that is
//! measured.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::aim::Verdict;
use crate::calm::{Disturbance, MachineTime};
use crate::case::{Case, Outcome};
use crate::compare::{AgainstPeer, Comparison};
use crate::measured::Series;
use crate::process;
use crate::rounds::{self, Contestant};
use crate::row::{Measure, Row};
use crate::scenarios::{Kind, Served};
use crate::series;
use crate::statistics::Spread;
use crate::subjects::Setting;
use crate::tool::Tools;
use crate::{markdown, plot};

/// Fewer calm pairs than this decide nothing.
const PAIRS: usize = 9;

/// What the other is called in tables and files, and this one.
const BEFORE: &str = "before";
const NOW: &str = "now";

/// The other revision.
pub(crate) struct Before {
    tools: Tools,
}

impl Before {
    /// That which is built.
    pub(crate) fn here(tools: &Tools) -> Result<Self> {
        let (before, folder) = tools.before();
        let log = Command::new("git").arg("-C").arg(&folder).args(["log", "-1", "--format=%h, %s"]).output();
        let log = log.context("could not start git")?;
        let what = String::from_utf8_lossy(&log.stdout);
        println!("- {NOW}: this server\n- {BEFORE}: {}\n", what.trim());
        Ok(Self { tools: before })
    }

    pub(crate) fn run(&self, case: &Case<'_>) -> Result<Outcome> {
        let (rows, measure) = match &case.scenario.kind {
            Kind::Served(served) => (self.served(case, served)?, Measure::Cpu),
            Kind::Series(series) => (self.series(case, series)?, Measure::P50),
            Kind::Criterion(bench) => bail!(
                "it is no server's; compare what `cargo bench -p {} --bench {}` says at both revisions",
                bench.package,
                bench.bench
            ),
        };
        let comparison = Comparison::of(NOW, &[BEFORE], &[], &rows);
        let verdict = comparison.peers.first().map_or(Verdict::Inconclusive, |pairs| verdict(pairs, measure));
        let mut text = format!("**{}**: {}.\n", case.scenario.name, case.scenario.about);
        for (pairs, ratio) in comparison.peers.iter().map(|pairs| (pairs, ratio(pairs, measure))) {
            text += &markdown::table(NOW, pairs);
            text += &format!("\n{}\n", in_words(verdict, pairs.calm, measure, ratio));
        }
        let plot = plot::svg(case.scenario.name, NOW, &comparison);
        Ok(Outcome { rows, text, plot, verdict })
    }

    fn served(&self, case: &Case<'_>, served: &Served) -> Result<Vec<Row>> {
        let contestants = vec![
            Contestant::start(BEFORE, served.ours, served, case, &self.tools)?,
            Contestant::start(NOW, served.ours, served, case, case.tools)?,
        ];
        rounds::take_turns(case, served, contestants, |rows| is_enough(case, rows))
    }

    /// One value of each a round.
    fn series(&self, case: &Case<'_>, series: &Series) -> Result<Vec<Row>> {
        let mut settings = Vec::new();
        for (name, tools) in [(BEFORE, &self.tools), (NOW, case.tools)] {
            let folder = case.tools.folder.join(name);
            std::fs::create_dir_all(&folder)?;
            let setting =
                Setting { tools, site: folder.clone(), folder, access_log: case.options.access_log };
            // The first fills caches.
            (series.measure)(&setting).context(name)?;
            settings.push((name, setting));
        }
        let mut rows = Vec::new();
        for round in 0..case.options.rounds {
            for (name, setting) in &settings {
                let (machine, own) = (MachineTime::now()?, process::own()?);
                let sample = (series.measure)(setting).context(*name)?;
                let ours = process::own()? - own;
                let disturbance =
                    Disturbance::between(machine, MachineTime::now()?, ours, case.options.others);
                let row = series::row(case.scenario.name, name, sample, round, disturbance);
                rounds::say(&row);
                rows.push(row);
            }
            settings.reverse();
            if is_enough(case, &rows) || case.is_over() {
                break;
            }
        }
        Ok(rows)
    }
}

fn is_enough(case: &Case<'_>, rows: &[Row]) -> bool {
    let pairs = Comparison::of(NOW, &[BEFORE], &[], rows).peers;
    pairs.iter().all(|pairs| pairs.calm >= case.options.pairs.max(PAIRS))
}

fn ratio(pairs: &AgainstPeer, measure: Measure) -> Option<Spread> {
    let found = pairs.measures.iter().find(|compared| compared.measure == measure)?;
    Some(found.ratio)
}

/// Met where it is no slower.
fn verdict(pairs: &AgainstPeer, measure: Measure) -> Verdict {
    match ratio(pairs, measure) {
        Some(ratio) if pairs.calm >= PAIRS && ratio.low <= 1.0 => Verdict::Met,
        Some(_) if pairs.calm >= PAIRS => Verdict::Missed,
        _ => Verdict::Inconclusive,
    }
}

fn in_words(verdict: Verdict, calm: usize, measure: Measure, ratio: Option<Spread>) -> String {
    let Some(Spread { low, high, .. }) = ratio.filter(|_| verdict != Verdict::Inconclusive) else {
        return format!("**Inconclusive**: {calm} calm pairs, where {PAIRS} decide.");
    };
    let (word, place) = match verdict {
        Verdict::Missed => ("Slower", "lies above 1"),
        _ if high < 1.0 => ("No slower", "lies below 1"),
        _ => ("No slower", "includes 1"),
    };
    format!(
        "**{word}**: of {calm} calm pairs, the middle half of the ratios ({}), {low:.3} to {high:.3}, {place}.",
        measure.name()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::tests::row;

    /// Pairs with the CPU time of this server; that of the other is 100.
    fn judged(now: &[f64]) -> (Verdict, String) {
        let rounds = now.iter().zip(0..);
        let rows: Vec<_> = rounds
            .flat_map(|(now, round)| [row(NOW, round, *now, 0.0), row(BEFORE, round, 100.0, 0.0)])
            .collect();
        let comparison = Comparison::of(NOW, &[BEFORE], &[], &rows);
        let pairs = &comparison.peers[0];
        let verdict = verdict(pairs, Measure::Cpu);
        (verdict, in_words(verdict, pairs.calm, Measure::Cpu, ratio(pairs, Measure::Cpu)))
    }

    #[test]
    fn the_middle_half_decides() {
        let around = |middle: f64| (-4..=4).map(|n| middle + f64::from(n)).collect::<Vec<_>>();
        for (now, expected, words) in [
            (
                around(100.0),
                Verdict::Met,
                "**No slower**: of 9 calm pairs, the middle half of the ratios \
                (server CPU, µs/request), 0.980 to 1.020, includes 1.",
            ),
            (around(102.0), Verdict::Met, "includes 1."),
            (around(90.0), Verdict::Met, "0.880 to 0.920, lies below 1."),
            (
                around(103.0),
                Verdict::Missed,
                "**Slower**: of 9 calm pairs, the middle half of the ratios \
                (server CPU, µs/request), 1.010 to 1.050, lies above 1.",
            ),
            (
                around(90.0)[..8].to_vec(),
                Verdict::Inconclusive,
                "**Inconclusive**: 8 calm pairs, where 9 decide.",
            ),
            (Vec::new(), Verdict::Inconclusive, "0 calm pairs"),
        ] {
            let (verdict, text) = judged(&now);
            assert!(verdict == expected && text.contains(words), "{now:?}: {text}");
        }
    }
}
