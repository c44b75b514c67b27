//! `cargo xtask bench`: what the benchmark compares is installed or built, then it
//! is run.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::command::{self, say};
use crate::install::Need;
use crate::workspace::Workspace;
use crate::{demo, guests};

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
    say("building the guests");
    guests::for_tests()?;
    say("building the server with optimisations (minutes the first time, because of wasmtime)");
    let server = demo::build_server(demo::Profile::Release)?;
    let workspace = Workspace::load()?;
    let mut native = command::cargo(&workspace.root);
    native.args(["build", "--release", "-p", "patchboard-native"]);
    command::run_aside(&mut native).context("could not build the native server")?;
    let tools = patchboard_bench::Tools {
        native: server.with_file_name("patchboard-native"),
        server,
        components: ["handlers", "test-guests"].map(|name| workspace.target.join(name)).to_vec(),
        folder: workspace.target.join("bench"),
        cargo: &|| command::cargo(&workspace.root),
    };
    let met = patchboard_bench::run(&arguments.options, &tools)?;
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
