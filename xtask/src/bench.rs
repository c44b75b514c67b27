//! `cargo xtask bench`: what the benchmark compares is installed or built, then it
//! is run.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::command::{self, say};
use crate::demo;
use crate::install::Need;
use crate::workspace::Workspace;

/// Measure Patchboard beside its peers; succeeds only if every aim is met for certain
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    options: patchboard_bench::Options,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    for package in patchboard_bench::packages(&arguments.options) {
        let what = format!("{}, for the benchmark", package.program);
        Need { what: &what, packages: &[package.name] }.or_install(|| package.find())?;
    }
    say("building the server with optimisations (minutes the first time, because of wasmtime)");
    let server = demo::build_server(demo::Profile::Release)?;
    let workspace = Workspace::load()?;
    let tools = patchboard_bench::Tools {
        server,
        folder: workspace.target.join("bench"),
        cargo: &|| command::cargo(&workspace.root),
    };
    let met = patchboard_bench::run(&arguments.options, &tools)?;
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
