//! Chaos: ill-behaved handlers and ill-behaved clients at once, beside healthy ones.
//!
//! A server with every kind of handler (`subject`) is asked by clients that leave,
//! dawdle, or send nonsense (`clients`), by a schedule that a seed decides (`load`).
//! Every answer is judged (`cases`) and accounted for (`ledger`); the healthy handlers
//! must not fail once (`health`). At the end nothing may be lost or kept (`checks`):
//! places of calls, instances, file descriptors, threads, memory.
//!
//! Reloads and drop-ins are a run of their own (`deploys`), and so are attacks on one thing
//! each (`attacks`).
//!
//! `cargo xtask chaos` runs it for as long as wanted; a short one is part of the tests.

mod attacks;
mod cases;
mod checks;
mod clients;
mod deploys;
mod health;
mod ledger;
mod load;
mod process;
mod subject;
mod wire;

use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};
use clap::Args;
use fastrand::Rng;

use crate::load::{Load, Until};
use crate::process::Holdings;

/// How long the load is without options.
const SHORT: Duration = Duration::from_secs(14);
/// Of a number of requests, the part after which memory is looked at for the first time.
const FIRST: u64 = 10;
/// What the pool's places may still come to keep in the second half of the time: up to 2 MiB
/// of each, depending on the guests that were in it.
const WARMING_BYTES: u64 = 64 << 20;
/// So many lines of the server's log are shown where something is wrong.
const LOG_LINES: usize = 50;

/// For how long, and by which schedule.
#[derive(Debug, Clone, Default, Args)]
pub struct Options {
    /// Go on for so long [default: about half a minute in all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub minutes: Option<u32>,
    /// Go on for so many requests, most of them quick; memory at the end is compared with that after
    /// the first tenth
    #[arg(long, value_name = "N", conflicts_with = "minutes", value_parser = clap::value_parser!(u64).range(10..))]
    pub calls: Option<u64>,
    /// Reload and drop in for so many minutes instead, right things and wrong ones, each followed to
    /// what the log says of it
    #[arg(long, value_name = "MINUTES", conflicts_with_all = ["minutes", "calls"], value_parser = clap::value_parser!(u32).range(1..))]
    pub deploys: Option<u32>,
    /// Attack memory by each way there is, the pool, the CPU, databases, the log and folders instead,
    /// for so many seconds each, and compare with a handler that only computes
    #[arg(long, value_name = "SECONDS", conflicts_with_all = ["minutes", "calls", "deploys"], value_parser = clap::value_parser!(u32).range(1..))]
    pub attacks: Option<u32>,
    /// Repeat the schedule of an earlier run, which has printed it
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Print at the end what came for each thing that was asked
    #[arg(long)]
    pub table: bool,
}

/// Runs it.
///
/// # Errors
///
/// Everything that was wrong, with the seed.
pub fn run(options: &Options) -> Result<()> {
    let seed = options.seed.unwrap_or_else(new_seed);
    eprintln!("chaos: seed {seed}");
    let mut rng = Rng::with_seed(seed);
    if let Some(minutes) = options.deploys {
        let wrong = deploys::run(minutes, &mut rng)?;
        return if wrong.is_empty() { Ok(()) } else { bail!("with --seed {seed}:\n{}", wrong.join("\n")) };
    }
    if let Some(seconds) = options.attacks {
        let wrong = attacks::run(seconds)?;
        return if wrong.is_empty() { Ok(()) } else { bail!("{}", wrong.join("\n")) };
    }
    let server = subject::start()?;
    let mut wrong = Vec::new();
    // All places of the pool have then been used, and keep some memory.
    wrong.extend(checks::instances(&server));
    let Plan { first, rest, more_bytes } = Plan::new(options);
    let mut load = Load::new(&server);
    load.run(&mut rng, first)?;
    let before = Holdings::at_rest(server.pid())?;
    eprintln!("chaos: after {} requests: {before}", load.ledger.asked());
    load.run(&mut rng, rest)?;
    let after = Holdings::at_rest(server.pid())?;
    let ledger = &load.ledger;
    eprintln!("chaos: after {} requests: {after}; {}", ledger.asked(), ledger.summary());
    if options.table {
        eprint!("{}", ledger.table());
    }
    // Before the checks fill it with their own.
    let log = server.log.lines();
    wrong.extend(ledger.verdict());
    wrong.extend(checks::compare(before, after, more_bytes));
    wrong.extend(checks::permits(&server));
    checks::replace_all(&server)?;
    wrong.extend(checks::instances(&server));
    if !wrong.is_empty() {
        let tail = log.get(log.len().saturating_sub(LOG_LINES)..).unwrap_or_default();
        eprintln!("the end of the server's log:\n{}", tail.join("\n"));
        bail!("with --seed {seed}:\n{}", wrong.join("\n"));
    }
    server.stop();
    Ok(())
}

/// How long the load is up to the first look at memory, and after it.
struct Plan {
    first: Until,
    rest: Until,
    /// What memory may be more than a tenth.
    more_bytes: u64,
}

impl Plan {
    fn new(options: &Options) -> Self {
        if let Some(calls) = options.calls {
            let first = Until::Asked(calls / FIRST);
            return Self { first, rest: Until::Asked(calls), more_bytes: WARMING_BYTES / 4 };
        }
        let whole = options.minutes.map_or(SHORT, |minutes| Duration::from_secs(60) * minutes);
        let half = Until::Over(whole / 2);
        Self { first: half, rest: half, more_bytes: WARMING_BYTES }
    }
}

fn new_seed() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::from(now.subsec_nanos()) ^ now.as_secs()
}
