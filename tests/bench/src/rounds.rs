//! Scenarios with a load: the subjects run all the while, and take turns.
//!
//! In each round every subject has one run; ours stands between its peers, and the
//! order turns round each time, so that none is always first. Rounds go on until
//! there are enough calm pairs with each peer, or the tries are used up.

use std::fs;

use anyhow::{Context, Result};

use crate::aim::FEWEST_PAIRS;
use crate::calm::{Disturbance, MachineTime};
use crate::compare::{self, Comparison};
use crate::options::Options;
use crate::process::{self, Usage};
use crate::row::Row;
use crate::scenarios::{Scenario, Served};
use crate::subjects::{Running, Setting, Subject};
use crate::wrk::Load;
use crate::{Outcome, Tools, markdown};

/// What brings caches, buffers and connections to their usual state.
const WARM_UP_SECONDS: u32 = 1;

/// A subject that is running, and the URL to ask it for.
struct Contestant {
    name: &'static str,
    running: Running,
    url: String,
}

pub(crate) fn run(
    scenario: &Scenario,
    served: &Served,
    options: &Options,
    tools: &Tools<'_>,
) -> Result<Outcome> {
    let mut contestants = start(served, options, tools)?;
    for contestant in &contestants {
        contestant.running.expect(served.path, served.bytes)?;
        let load = Load { url: &contestant.url, connections: served.connections, seconds: WARM_UP_SECONDS };
        load.run().with_context(|| contestant.name.to_owned())?;
    }
    let seconds = options.seconds.unwrap_or(served.seconds);
    let enough = options.pairs.max(FEWEST_PAIRS);
    let mut rows = Vec::new();
    for round in 0..options.rounds {
        for contestant in &contestants {
            let load = Load { url: &contestant.url, connections: served.connections, seconds };
            let row = measure(scenario.name, contestant, load, round, options)
                .with_context(|| contestant.name.to_owned())?;
            say(&row);
            rows.push(row);
        }
        contestants.reverse();
        if served.peers.iter().all(|peer| compare::calm_pairs(served.ours.name, peer.name, &rows) >= enough) {
            break;
        }
    }
    let comparison = Comparison::of(served, &rows);
    let text = markdown::served(scenario, served, &comparison, options, seconds);
    Ok(Outcome { rows, text, verdict: comparison.verdict() })
}

/// Starts every subject, ours in the middle.
fn start(served: &Served, options: &Options, tools: &Tools<'_>) -> Result<Vec<Contestant>> {
    let mut subjects: Vec<&Subject> = served.peers.to_vec();
    subjects.insert(subjects.len() / 2, served.ours);
    let subject_of = |subject: &&Subject| {
        let folder = tools.folder.join(subject.name);
        fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
        let site = (served.site)(&tools.folder)?;
        let setting = Setting {
            server: &tools.server,
            native: &tools.native,
            components: &tools.components,
            folder,
            site,
            access_log: options.access_log,
        };
        let running =
            (subject.start)(&setting).with_context(|| format!("could not start {}", subject.name))?;
        let url = format!("http://{}{}", running.address(), served.path);
        Ok(Contestant { name: subject.name, running, url })
    };
    subjects.iter().map(subject_of).collect()
}

fn measure(
    scenario: &'static str,
    contestant: &Contestant,
    load: Load<'_>,
    round: u32,
    options: &Options,
) -> Result<Row> {
    let pid = contestant.running.pid();
    let (machine, wrk, usage) = (MachineTime::now()?, process::ended_children()?, Usage::of_tree(pid)?);
    let report = load.run()?;
    let after = Usage::of_tree(pid)?;
    let cpu = after.cpu - usage.cpu;
    let measured = cpu + process::ended_children()? - wrk;
    Ok(Row {
        scenario,
        subject: contestant.name.to_owned(),
        round,
        rps: report.requests / report.seconds,
        bytes_per_second: Some(report.bytes / report.seconds),
        p50_us: report.p50_us,
        p99_us: Some(report.p99_us),
        cpu_us_per_request: cpu * process::tick_us() / report.requests.max(1.0),
        rss_bytes: Some(after.rss_bytes),
        disturbance: Disturbance::between(machine, MachineTime::now()?, measured, options.others),
    })
}

/// One line of progress a run.
fn say(row: &Row) {
    let Row { subject, round, rps, cpu_us_per_request, disturbance, .. } = row;
    let Disturbance { steal_percent, others_percent, calm } = disturbance;
    let verdict = if *calm { "calm" } else { "disturbed" };
    eprintln!(
        "  round {round}  {subject:<22} {rps:>9.1} requests/s {cpu_us_per_request:>9.1} µs CPU  \
         {verdict} (steal {steal_percent:.1} %, others {others_percent:.1} %)"
    );
}
