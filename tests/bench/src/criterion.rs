//! Scenarios that are a crate's own criterion benchmark: it is run by cargo, and
//! what criterion wrote down is read.
//!
//! Steal is taken over the whole benchmark, which is run again where there was too
//! much; if it never was calm, the figures are shown but decide nothing.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::calm::{Disturbance, MachineTime};
use crate::case::{Case, Outcome};
use crate::options::Options;
use crate::process;
use crate::row::Row;
use crate::scenarios::{Bench, Scenario};
use crate::tool::Tools;

/// How often a disturbed benchmark, which takes minutes, is run at most.
const TRIES: u32 = 3;

/// What criterion found out about a benchmark, in nanoseconds.
#[derive(Debug)]
struct Estimate {
    id: String,
    median: Median,
}

#[derive(Debug, Deserialize)]
struct Estimates {
    median: Median,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Median {
    point_estimate: f64,
    confidence_interval: Interval,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

#[derive(Deserialize)]
struct Named {
    full_id: String,
}

pub(crate) fn run(case: &Case<'_>, bench: &Bench) -> Result<Outcome> {
    let Case { scenario, options, tools, .. } = *case;
    let mut rows = Vec::new();
    let mut last = None;
    for round in 0..TRIES.min(options.rounds) {
        let (estimates, disturbance) = measure(bench, options, tools)?;
        rows.extend(estimates.iter().map(|estimate| row(scenario, estimate, round, disturbance)));
        last = Some((estimates, disturbance));
        if disturbance.calm || case.is_over() {
            break;
        }
    }
    let (estimates, disturbance) = last.context("no round was run")?;
    let (id, bound) = bench.aim;
    let median = estimates.iter().find(|estimate| estimate.id == id).map(|e| e.median.point_estimate);
    // A confidence interval of criterion's stands on many samples.
    let verdict = bound.verdict(median.filter(|_| disturbance.calm));
    let text =
        table(scenario, &estimates, disturbance) + &format!("\nAim: {id} takes {bound} ns: {verdict}.\n");
    Ok(Outcome { rows, text, plot: None, verdict })
}

/// One run of all benchmarks, in their order.
fn measure(bench: &Bench, options: &Options, tools: &Tools) -> Result<(Vec<Estimate>, Disturbance)> {
    // Built first, so that the compiler is not taken for a disturbance.
    let cargo = |last: &[&str]| -> Result<()> {
        let mut cargo = tools.cargo();
        cargo.args(["bench", "-p", bench.package, "--bench", bench.bench]).args(last);
        let home = tools.folder.join("criterion");
        cargo.env("CRITERION_HOME", home).stdin(Stdio::null()).stdout(std::io::stderr());
        let status = cargo.status().context("could not start cargo")?;
        if !status.success() {
            bail!("`cargo bench` failed ({status})");
        }
        Ok(())
    };
    let home = tools.folder.join("criterion");
    if home.exists() {
        fs::remove_dir_all(&home).context("could not remove the results of an earlier run")?;
    }
    cargo(&["--no-run"])?;
    let (machine, children) = (MachineTime::now()?, process::own()?);
    cargo(&["--", "--noplot", "--quiet"])?;
    let ours = process::own()? - children;
    let disturbance = Disturbance::between(machine, MachineTime::now()?, ours, options.others);
    Ok((read(&home)?, disturbance))
}

/// All results below `folder`, in the order they were written in.
fn read(folder: &Path) -> Result<Vec<Estimate>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).with_context(|| format!("could not list {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            }
        }
        if folder.file_name().is_some_and(|name| name == "new") {
            let file = folder.join("estimates.json");
            let written = fs::metadata(&file).and_then(|metadata| metadata.modified())?;
            let Estimates { median } = json(&file)?;
            let Named { full_id } = json(&folder.join("benchmark.json"))?;
            found.push((written, Estimate { id: full_id, median }));
        }
    }
    if found.is_empty() {
        bail!("criterion wrote no results to {}", folder.display());
    }
    found.sort_by_key(|(written, _)| *written);
    Ok(found.into_iter().map(|(_, estimate)| estimate).collect())
}

fn json<T: for<'a> Deserialize<'a>>(file: &Path) -> Result<T> {
    let text = fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not as expected", file.display()))
}

fn row(scenario: &Scenario, estimate: &Estimate, round: u32, disturbance: Disturbance) -> Row {
    let ns = estimate.median.point_estimate;
    Row {
        scenario: scenario.name,
        subject: estimate.id.clone(),
        round,
        rps: 1e9 / ns,
        bytes_per_second: None,
        p50_us: ns / 1e3,
        p99_us: None,
        all_us: None,
        // One thread that never waits: the clock on the wall is its CPU time.
        cpu_us_per_request: ns / 1e3,
        rss_bytes: None,
        disturbance,
    }
}

fn table(scenario: &Scenario, estimates: &[Estimate], disturbance: Disturbance) -> String {
    let Disturbance { steal_percent, others_percent, calm } = disturbance;
    let calm = if calm { "" } else { "; the machine was never calm" };
    let mut text = format!(
        "**{}**: {} (steal {steal_percent:.1} %, other programs {others_percent:.1} %{calm}).\n\n\
         | | median, ns | 95 % confidence |\n|---|--:|--:|\n",
        scenario.name, scenario.about
    );
    for Estimate { id, median } in estimates {
        let Interval { lower_bound, upper_bound } = median.confidence_interval;
        let row = format!("| {id} | {:.0} | {lower_bound:.0} to {upper_bound:.0} |\n", median.point_estimate);
        text.push_str(&row);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_of_criterion() {
        let text = r#"{"mean":{"point_estimate":1.0},"median":{"confidence_interval":
            {"confidence_level":0.95,"lower_bound":2.0,"upper_bound":4.0},"point_estimate":3.0,
            "standard_error":0.1}}"#;
        let Estimates { median } = serde_json::from_str(text).unwrap();
        assert_eq!(median.point_estimate, 3.0);
        let Interval { lower_bound, upper_bound } = median.confidence_interval;
        assert_eq!((lower_bound, upper_bound), (2.0, 4.0));
    }
}
