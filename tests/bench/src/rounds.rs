//! Scenarios with a load: the subjects run all the while, and take turns.
//!
//! In each round every subject has one run; ours stands between its peers, and the
//! order turns round each time, so that none is always first. Rounds go on until
//! there are enough calm pairs with each peer, or the tries are used up.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::aim::FEWEST_PAIRS;
use crate::answer::Answer;
use crate::calm::{Disturbance, MachineTime};
use crate::compare::Comparison;
use crate::load::Report;
use crate::options::Options;
use crate::process::{self, Usage};
use crate::row::Row;
use crate::scenarios::{Scenario, Served};
use crate::subjects::{Running, Setting, Subject};
use crate::{Outcome, Tools, markdown, plot};

/// What brings caches, buffers and connections to their usual state.
const WARM_UP_SECONDS: u32 = 1;

/// A subject that is running, and where its files are.
struct Contestant {
    name: &'static str,
    running: Running,
    folder: PathBuf,
}

pub(crate) fn run(
    scenario: &Scenario,
    served: &Served,
    options: &Options,
    tools: &Tools<'_>,
) -> Result<Outcome> {
    let mut contestants = start(served, options, tools)?;
    for contestant in &contestants {
        contestant.check(served).with_context(|| contestant.name.to_owned())?;
        contestant.load(served, WARM_UP_SECONDS).with_context(|| contestant.name.to_owned())?;
    }
    let seconds = options.seconds.unwrap_or(served.seconds);
    let enough = options.pairs.max(FEWEST_PAIRS);
    let mut rows = Vec::new();
    let mut comparison = Comparison::of(served, &rows);
    for round in 0..options.rounds {
        for contestant in &contestants {
            let row = measure(scenario.name, served, contestant, round, seconds, options)
                .with_context(|| contestant.name.to_owned())?;
            say(&row);
            rows.push(row);
        }
        contestants.reverse();
        comparison = Comparison::of(served, &rows);
        if comparison.is_enough(enough) {
            break;
        }
    }
    let text = markdown::served(scenario, served, &comparison, options, seconds);
    let plot = plot::svg(scenario.name, served.ours.name, &comparison);
    Ok(Outcome { rows, text, plot, verdict: comparison.verdict() })
}

/// Starts every subject, ours in the middle.
fn start(served: &Served, options: &Options, tools: &Tools<'_>) -> Result<Vec<Contestant>> {
    let mut subjects: Vec<&Subject> = served.peers.to_vec();
    subjects.insert(subjects.len() / 2, served.ours);
    let subject_of = |subject: &&Subject| {
        let folder = tools.folder.join(subject.name);
        fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
        let site = (served.site)(&tools.folder)?;
        let setting = Setting { tools, folder: folder.clone(), site, access_log: options.access_log };
        let running =
            (subject.start)(&setting).with_context(|| format!("could not start {}", subject.name))?;
        Ok(Contestant { name: subject.name, running, folder })
    };
    subjects.iter().map(subject_of).collect()
}

impl Contestant {
    /// Whether it does the work, so that all subjects are known to do the same.
    fn check(&self, served: &Served) -> Result<()> {
        let Answer { status, body_bytes } = self.running.ask(&served.request)?;
        let path = served.request.path(0);
        if status != 200 || body_bytes != served.bytes {
            let expected = served.bytes;
            bail!("{path} was to give 200 and {expected} bytes, but gave {status} and {body_bytes} bytes");
        }
        Ok(())
    }

    fn load(&self, served: &Served, seconds: u32) -> Result<Report> {
        served.load.run(self.running.address(), &served.request, seconds, &self.folder)
    }
}

fn measure(
    scenario: &'static str,
    served: &Served,
    contestant: &Contestant,
    round: u32,
    seconds: u32,
    options: &Options,
) -> Result<Row> {
    let pid = contestant.running.pid();
    let (machine, load, usage) = (MachineTime::now()?, process::own()?, Usage::of_tree(pid)?);
    let report = contestant.load(served, seconds)?;
    let after = Usage::of_tree(pid)?;
    let cpu = after.cpu - usage.cpu;
    let measured = cpu + process::own()? - load;
    let sent = report.requests * (served.request.body)().len() as f64;
    Ok(Row {
        scenario,
        subject: contestant.name.to_owned(),
        round,
        rps: report.requests / report.seconds,
        bytes_per_second: Some((report.bytes + sent) / report.seconds),
        p50_us: report.p50_us,
        p99_us: Some(report.p99_us),
        all_us: report.all_us,
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
