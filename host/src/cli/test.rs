//! `patchboard test`: the tests of a project's `.http` files.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use patchboard_project::Build;

use super::source::SourceArgs;
use crate::testing::{self, Asked};

/// Arguments of `test`.
#[derive(Debug, Args)]
pub(super) struct Test {
    /// Only tests with one of these in their name, or in the path of their file
    filters: Vec<String>,
    #[command(flatten)]
    source: SourceArgs,
    /// Build the handlers of the project first, as `patchboard build` does
    #[arg(long)]
    build: bool,
    /// Write the snapshots that are missing or differ, instead of failing
    #[arg(long)]
    update: bool,
    /// Also write a report in JUnit's XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

impl Test {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let Self { filters, source, build, update, junit } = self;
        if build {
            Build::default().run()?;
        }
        let passed = testing::run(&Asked { source: source.source(), filters, updates: update, junit })?;
        Ok(if passed { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }
}
