//! The benchmark behind `cargo xtask bench`.
//!
//! A *scenario* (a file of `scenarios/`) is a load and what is hoped for under it;
//! a *subject* (a file of `subjects/`) is a server that takes part. The subjects of
//! a scenario run side by side and take turns under the load, round by round, so
//! that whatever the machine does meanwhile happens to all of them. What counts is
//! the ratio of two subjects in the same round, and only where the machine was
//! calm in it (`calm`).
//!
//! [`run`] measures and writes; what has to be installed or built before is the
//! caller's part ([`needs`], [`Tools`]).

mod aim;
mod answer;
mod burst;
mod calm;
mod compare;
mod criterion;
mod load;
mod machine;
mod markdown;
mod options;
mod plot;
mod process;
mod request;
mod rounds;
mod row;
mod scenarios;
mod series;
mod statistics;
mod subjects;
mod tool;
mod wrk;

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

pub use self::options::Options;
pub use self::tool::{Need, Package};

use self::aim::Verdict;
use self::markdown::Block;
use self::row::Row;
use self::scenarios::{Kind, Scenario};

/// What the caller has made ready.
pub struct Tools<'a> {
    /// The server, a release build.
    pub server: PathBuf,
    /// `patchboard-native`, likewise.
    pub native: PathBuf,
    /// `wasmtime`, if it is needed ([`needs`]).
    pub wasmtime: PathBuf,
    /// Python, likewise.
    pub python: PathBuf,
    /// The folders that the components are in.
    pub components: Vec<PathBuf>,
    /// Where the benchmark may put its files.
    pub folder: PathBuf,
    /// A cargo for this workspace.
    pub cargo: &'a dyn Fn() -> Command,
}

/// What a scenario came to.
struct Outcome {
    rows: Vec<Row>,
    /// The same for readers.
    text: String,
    /// Its ratios as SVG, if it has any.
    plot: Option<String>,
    verdict: Verdict,
}

impl fmt::Debug for Tools<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tools").field("server", &self.server).field("folder", &self.folder).finish()
    }
}

/// What the chosen scenarios need installed.
pub fn needs(options: &Options) -> Vec<Need> {
    let mut all: Vec<Need> = chosen(options).flat_map(Scenario::needs).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Runs the chosen scenarios, and prints and writes what they came to. Gives
/// whether every aim is met, for certain.
///
/// # Errors
///
/// If a subject cannot be started or does not answer as it should, or a file cannot
/// be written.
pub fn run(options: &Options, tools: &Tools<'_>) -> Result<bool> {
    fs::create_dir_all(&tools.folder)
        .with_context(|| format!("could not create {}", tools.folder.display()))?;
    let machine = Block { name: "machine", text: machine::describe(tools) };
    println!("{}", machine.text);
    let (mut rows, mut blocks, mut met) = (Vec::new(), vec![machine], true);
    for scenario in chosen(options) {
        eprintln!("{}: {}", scenario.name, scenario.about);
        let outcome = match &scenario.kind {
            Kind::Served(served) => rounds::run(scenario, served, options, tools),
            Kind::Series(series) => series::run(scenario, series, options, tools),
            Kind::Criterion(bench) => criterion::run(scenario, bench, options, tools),
        };
        let outcome = outcome.with_context(|| format!("scenario {}", scenario.name))?;
        println!("{}", outcome.text);
        met &= outcome.verdict == Verdict::Met;
        rows.extend(outcome.rows);
        let (name, mut text) = (scenario.name, outcome.text);
        if let (Some(file), Some(plot)) = (&options.markdown, &outcome.plot) {
            text.push_str(&markdown::plot(file, name, plot)?);
        }
        blocks.push(Block { name, text });
        // After each scenario, so that one that fails later does not cost the others.
        if let Some(file) = &options.json {
            row::write(file, &rows)?;
        }
        if let Some(file) = &options.markdown {
            markdown::update(file, &blocks)?;
        }
    }
    Ok(met)
}

fn chosen(options: &Options) -> impl Iterator<Item = &'static Scenario> {
    let names = &options.scenarios;
    scenarios::ALL
        .iter()
        .copied()
        .filter(|scenario| names.is_empty() || names.iter().any(|name| name == scenario.name))
}
