//! `cargo xtask bench`: what the benchmark compares is installed or built, then it
//! is run.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::command::{self, say};
use crate::install::Need;
use crate::workspace::Workspace;
use crate::{demo, guests, python, wasmtime};

/// Measure Patchboard beside its peers; succeeds only if every aim is met for certain
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    options: patchboard_bench::Options,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let (mut wasmtime, mut python) = (PathBuf::new(), PathBuf::new());
    for need in patchboard_bench::needs(&arguments.options) {
        match need {
            patchboard_bench::Need::Package(package) => {
                let what = format!("{}, for the benchmark", package.program);
                Need { what: &what, packages: &[package.name] }.or_install(|| package.find())?;
            }
            patchboard_bench::Need::Wasmtime => wasmtime = wasmtime::install(&workspace)?,
            patchboard_bench::Need::Python => python = python::for_benchmark()?,
        }
    }
    say("building the guests");
    guests::for_tests()?;
    say("building the server with optimisations (minutes the first time, because of wasmtime)");
    let server = demo::build_server(demo::Profile::Release)?;
    let mut native = command::cargo(&workspace.root);
    native.args(["build", "--release", "-p", "patchboard-native"]);
    command::run_aside(&mut native).context("could not build the native server")?;
    let tools = patchboard_bench::Tools {
        native: server.with_file_name("patchboard-native"),
        server,
        wasmtime,
        python,
        components: ["handlers", "test-guests"].map(|name| workspace.target.join(name)).to_vec(),
        folder: workspace.target.join("bench"),
        cargo: &|| command::cargo(&workspace.root),
    };
    let met = patchboard_bench::run(&arguments.options, &tools)?;
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
