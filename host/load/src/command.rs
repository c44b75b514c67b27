//! What the command does: runs, and prints what came of it.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::anyhow;

use crate::options::{Load, RunOptions};
use crate::plan::Plan;
use crate::report::{Report, summary};
use crate::run::{self, Glimpse, Measured, Round, Watch};

impl Load {
    /// Runs the command. The exit code is 1 where a request failed.
    ///
    /// # Errors
    ///
    /// If what was asked for cannot be done; a line for each reason.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        match &self.command {
            Some(_) => Ok(ExitCode::SUCCESS),
            None => once(&self.run),
        }
    }
}

fn once(options: &RunOptions) -> anyhow::Result<ExitCode> {
    let plan = Arc::new(Plan::build(options, &options.urls).map_err(|problems| anyhow!(problems))?);
    struct Nobody;
    impl Watch for Nobody {
        fn tick(&mut self, _: &Glimpse<'_>) {}
        fn round(&mut self, _: &Round) {}
    }
    let measured: Measured = run::run(&plan, &mut Nobody)?;
    let report = Report::of(&plan, &measured);
    print!("{}", summary(&report));
    if let Some(path) = &options.json {
        report.write(path)?;
    }
    Ok(if report.failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
