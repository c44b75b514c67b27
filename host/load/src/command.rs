//! What the command does: runs, and prints what came of it.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;

use crate::compare;
use crate::options::{Command, Load, RunOptions};
use crate::plan::Plan;
use crate::report::{Listing, Live, Report, summary, write_html};
use crate::run;
use crate::staircase;

impl Load {
    /// Runs the command. The exit code is 1 where a request failed.
    ///
    /// # Errors
    ///
    /// If what was asked for cannot be done; a line for each reason.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        match (&self.command, &self.run) {
            (Some(Command::Compare(files)), _) => {
                compare::files(&files.a, &files.b)?;
                Ok(ExitCode::SUCCESS)
            }
            (None, options) => match (&options.vs, options.max_p99) {
                (Some(other), _) => in_turns(options, other),
                (None, Some(limit)) => highest_rate(options, limit),
                (None, None) => once(options),
            },
        }
    }
}

fn plan(options: &RunOptions, urls: &[String]) -> anyhow::Result<Plan> {
    Plan::build(options, urls).map_err(|problems| anyhow!(problems))
}

fn exit_code(failed: u64) -> ExitCode {
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

fn in_turns(options: &RunOptions, other: &str) -> anyhow::Result<ExitCode> {
    let (a, b) = (plan(options, &options.urls)?, plan(options, &[other.to_owned()])?);
    Ok(exit_code(compare::in_turns(&a, &b, options.duration, options.step)?))
}

fn highest_rate(options: &RunOptions, limit: Duration) -> anyhow::Result<ExitCode> {
    let plan = plan(options, &options.urls)?;
    let limit_text = humantime::format_duration(limit);
    let Some(best) = staircase::run(&plan, limit, options.step)? else {
        println!("\nno rate was found at which 99 % take at most {limit_text}");
        return Ok(ExitCode::from(1));
    };
    let rate = best.rate.unwrap_or_default();
    println!("\n{rate:.0} requests/s is the highest rate at which 99 % take at most {limit_text}\n");
    print!("{}", summary(&best));
    write_files(options, &best)?;
    Ok(ExitCode::SUCCESS)
}

fn once(options: &RunOptions) -> anyhow::Result<ExitCode> {
    let plan = Arc::new(plan(options, &options.urls)?);
    let listing = if options.list { Listing::Everything } else { Listing::Figures };
    let measured = {
        let mut live = Live::new("", listing);
        run::run(&plan, &mut live)?
    };
    let report = Report::of(&plan, &measured);
    if !report.rounds.is_empty() {
        println!();
    }
    print!("{}", summary(&report));
    write_files(options, &report)?;
    Ok(exit_code(report.failed))
}

fn write_files(options: &RunOptions, report: &Report) -> anyhow::Result<()> {
    if let Some(path) = &options.json {
        report.write(path)?;
    }
    if let Some(path) = &options.html {
        write_html(report, path)?;
    }
    Ok(())
}
