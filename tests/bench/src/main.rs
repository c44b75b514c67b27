//! The benchmark behind `cargo xtask bench`.
//!
//! A *scenario* (a file of `scenarios/`) is a load and what is hoped for under it;
//! a *subject* (a file of `subjects/`) is a server that takes part. The subjects of
//! a scenario run side by side and take turns under the load, round by round, so
//! that whatever the machine does meanwhile happens to all of them. What counts is
//! the ratio of two subjects in the same round, and only where the machine was
//! calm in it (`calm`). Against a revision, the other subject is our own server as it
//! was then (`against`).
//!
//! This measures and writes; what has to be installed or built before is xtask's part,
//! which asks for it by `--needs` (`tool`).

mod access_log;
mod against;
mod aim;
mod answer;
mod burst;
mod calm;
mod case;
mod compare;
mod criterion;
mod load;
mod machine;
mod markdown;
mod measured;
mod needs;
mod options;
mod plot;
mod process;
mod report;
mod request;
mod rounds;
mod row;
mod scenarios;
mod series;
mod statistics;
mod subjects;
mod tool;
mod wrk;

use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser as _;

use self::against::Before;
use self::aim::Verdict;
use self::case::Case;
use self::markdown::Block;
use self::options::{Arguments, Options};
use self::scenarios::Kind;
use self::tool::Tools;

fn main() -> ExitCode {
    let Arguments { options, needs } = Arguments::parse();
    if needs {
        needs::needs(&options).iter().for_each(|need| println!("{need}"));
        return ExitCode::SUCCESS;
    }
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the chosen scenarios, and prints and writes what they came to. Gives
/// whether every aim is met, for certain.
fn run(options: &Options) -> Result<bool> {
    let tools = Tools::here()?;
    fs::create_dir_all(&tools.folder)
        .with_context(|| format!("could not create {}", tools.folder.display()))?;
    let machine = Block { name: "machine", text: machine::describe(&tools) };
    println!("{}", machine.text);
    let before = options.against.as_deref().map(|_| Before::here(&tools)).transpose()?;
    let (mut rows, mut blocks, mut met) = (Vec::new(), vec![machine], true);
    let (scenarios, started) = (options.chosen(), Instant::now());
    for (number, scenario) in scenarios.iter().enumerate() {
        eprintln!("{}: {}", scenario.name, scenario.about);
        let until = options.until(started, scenarios.len() - number);
        let case = Case { scenario, options, tools: &tools, until };
        let outcome = match (&before, &scenario.kind) {
            (Some(before), _) => before.run(&case),
            (None, Kind::Served(served)) => rounds::run(&case, served),
            (None, Kind::Series(series)) => series::run(&case, series),
            (None, Kind::Criterion(bench)) => criterion::run(&case, bench),
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
