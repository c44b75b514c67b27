//! Scenarios without a peer: one value a round, until enough rounds were calm, whose
//! median shall be within a bound.

use std::fs;

use anyhow::{Context, Result};

use crate::calm::{Disturbance, MachineTime};
use crate::case::{Case, Outcome};
use crate::measured::{Sample, Series};
use crate::process;
use crate::row::Row;
use crate::statistics::Spread;
use crate::subjects::Setting;

/// Calm rounds that decide.
const ENOUGH: usize = 10;

pub(crate) fn run(case: &Case<'_>, series: &Series) -> Result<Outcome> {
    let Case { scenario, options, tools, .. } = *case;
    let folder = tools.folder.join(scenario.name);
    fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
    let setting = Setting { tools, site: folder.clone(), folder, access_log: options.access_log };
    // The first fills caches.
    (series.measure)(&setting)?;
    let (mut rows, mut calm) = (Vec::new(), Vec::new());
    for round in 0..options.rounds {
        let (machine, own) = (MachineTime::now()?, process::own()?);
        let sample = (series.measure)(&setting)?;
        let ours = process::own()? - own;
        let disturbance = Disturbance::between(machine, MachineTime::now()?, ours, options.others);
        let note = if disturbance.calm { "" } else { ", disturbed" };
        eprintln!("  round {round}: {:.1} {}{note}", sample.value, series.value);
        calm.extend(disturbance.calm.then_some(sample.value));
        rows.push(row(scenario.name, "patchboard", sample, round, disturbance));
        if calm.len() >= ENOUGH || case.is_over() {
            break;
        }
    }
    let spread = Spread::of(calm.iter().copied());
    let verdict = series.bound.verdict(spread.map(|spread| spread.median).filter(|_| calm.len() >= ENOUGH));
    let mut text = format!(
        "**{}**: {}.\n\n| {} calm rounds of {} | median | middle half |\n|---|--:|--:|\n",
        scenario.name,
        scenario.about,
        calm.len(),
        rows.len()
    );
    if let Some(Spread { median, low, high }) = spread {
        text += &format!("| {} | **{median:.1}** | {low:.1} to {high:.1} |\n", series.value);
    }
    text += &format!("\nAim: {}: {verdict}.\n", series.bound);
    Ok(Outcome { rows, text, plot: None, verdict })
}

/// There are no requests to count.
pub(crate) fn row(
    scenario: &'static str,
    subject: &str,
    sample: Sample,
    round: u32,
    disturbance: Disturbance,
) -> Row {
    Row {
        scenario,
        subject: subject.to_owned(),
        round,
        rps: f64::NAN,
        bytes_per_second: None,
        p50_us: sample.us,
        p99_us: None,
        all_us: None,
        cpu_us_per_request: f64::NAN,
        rss_bytes: None,
        disturbance,
    }
}
