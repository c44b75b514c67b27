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
use crate::case::{Case, Outcome};
use crate::compare::Comparison;
use crate::process::{self, Usage};
use crate::report::Report;
use crate::row::Row;
use crate::scenarios::Served;
use crate::subjects::{Running, Setting, Subject};
use crate::tool::Tools;
use crate::{markdown, plot};

/// What brings caches, buffers and connections to their usual state.
const WARM_UP_SECONDS: u32 = 1;

/// A subject that is running, and where its files are.
pub(crate) struct Contestant {
    name: &'static str,
    running: Running,
    folder: PathBuf,
}

pub(crate) fn run(case: &Case<'_>, served: &Served) -> Result<Outcome> {
    let mut subjects: Vec<&Subject> = served.peers.to_vec();
    // In the middle.
    subjects.insert(subjects.len() / 2, served.ours);
    let start = |subject: &&Subject| Contestant::start(subject.name, subject, served, case, case.tools);
    let contestants = subjects.iter().map(start).collect::<Result<Vec<_>>>()?;
    let enough = case.options.pairs.max(FEWEST_PAIRS);
    let is_enough = |rows: &[Row]| Comparison::of_served(served, rows).is_enough(enough);
    let rows = take_turns(case, served, contestants, is_enough)?;
    let comparison = Comparison::of_served(served, &rows);
    let text = markdown::served(case.scenario, served, &comparison, case.options, seconds(case, served));
    let plot = plot::svg(case.scenario.name, served.ours.name, &comparison);
    Ok(Outcome { rows, text, plot, verdict: comparison.verdict() })
}

/// Puts each under the load in turns, until there is enough.
pub(crate) fn take_turns(
    case: &Case<'_>,
    served: &Served,
    mut contestants: Vec<Contestant>,
    is_enough: impl Fn(&[Row]) -> bool,
) -> Result<Vec<Row>> {
    for contestant in &contestants {
        contestant.check(served).with_context(|| contestant.name.to_owned())?;
        contestant.load(served, WARM_UP_SECONDS).with_context(|| contestant.name.to_owned())?;
    }
    let mut rows = Vec::new();
    for round in 0..case.options.rounds {
        for contestant in &contestants {
            let row = measure(case, served, contestant, round).with_context(|| contestant.name.to_owned())?;
            say(&row);
            rows.push(row);
        }
        contestants.reverse();
        if is_enough(&rows) || case.is_over() {
            break;
        }
    }
    Ok(rows)
}

/// Of load in each run.
fn seconds(case: &Case<'_>, served: &Served) -> u32 {
    case.options.seconds.unwrap_or(served.seconds)
}

impl Contestant {
    /// Starts a subject of these tools, under a name that it has in this scenario.
    pub(crate) fn start(
        name: &'static str,
        subject: &Subject,
        served: &Served,
        case: &Case<'_>,
        tools: &Tools,
    ) -> Result<Self> {
        let folder = tools.folder.join(name);
        fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
        let site = (served.site)(&tools.folder)?;
        let setting = Setting { tools, folder: folder.clone(), site, access_log: case.options.access_log };
        let running = (subject.start)(&setting).with_context(|| format!("could not start {name}"))?;
        Ok(Self { name, running, folder })
    }

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

fn measure(case: &Case<'_>, served: &Served, contestant: &Contestant, round: u32) -> Result<Row> {
    let pid = contestant.running.pid();
    let (machine, load, usage) = (MachineTime::now()?, process::own()?, Usage::of_tree(pid)?);
    let report = contestant.load(served, seconds(case, served))?;
    let after = Usage::of_tree(pid)?;
    let cpu = after.cpu - usage.cpu;
    let measured = cpu + process::own()? - load;
    let sent = report.requests * (served.request.body)().len() as f64;
    Ok(Row {
        scenario: case.scenario.name,
        subject: contestant.name.to_owned(),
        round,
        rps: report.requests / report.seconds,
        bytes_per_second: Some((report.bytes + sent) / report.seconds),
        p50_us: report.p50_us,
        p99_us: Some(report.p99_us),
        all_us: report.all_us,
        cpu_us_per_request: cpu * process::tick_us() / report.requests.max(1.0),
        rss_bytes: Some(after.rss_bytes),
        disturbance: Disturbance::between(machine, MachineTime::now()?, measured, case.options.others),
    })
}

/// One line of progress a run.
pub(crate) fn say(row: &Row) {
    let Row { subject, round, rps, cpu_us_per_request, disturbance, .. } = row;
    let Disturbance { steal_percent, others_percent, calm } = disturbance;
    let verdict = if *calm { "calm" } else { "disturbed" };
    eprintln!(
        "  round {round}  {subject:<22} {rps:>9.1} requests/s {cpu_us_per_request:>9.1} µs CPU  \
         {verdict} (steal {steal_percent:.1} %, others {others_percent:.1} %)"
    );
}
