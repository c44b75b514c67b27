//! `cargo xtask test`: all that has to be there before the tests can run, then
//! the tests.

use anyhow::{Context, Result};
use clap::Args;

use crate::command::{self, say};
use crate::workspace::Workspace;
use crate::{demo, guests, python, services, wit};

/// Packages that are tested together; guests are left out: they are components, and
/// run under the tests of `patchboard-tests`.
///
/// Each group is a build of its own, since cargo unifies the features of what is built
/// together: with all in one, wasmtime would be compiled a second time for features
/// that only the test client needs. The fuzz targets add none, which is why they are
/// with the server.
const GROUPS: [&[&str]; 4] = [
    &[
        "patchboard-pattern",
        "patchboard-server",
        "patchboard-load",
        "patchboard-fuzz",
        "patchboard-key-value",
        "patchboard-sql",
    ],
    &["patchboard-tests", "patchboard-chaos"],
    &["patchboard", "patchboard-macros"],
    &["xtask", "patchboard-bench", "patchboard-house"],
];

/// Check wit/deps, build the guests and the server, have what the tests need at hand, and run all tests
#[derive(Args)]
pub(crate) struct Arguments {
    /// Which tests, and other options of the test programs
    #[arg(last = true, value_name = "FILTER")]
    filters: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    step(1, "check wit/deps", wit::check)?;
    step(2, "build the guests", guests::for_tests)?;
    step(3, "build the server", || demo::build_server(demo::Profile::Dev).map(|_| ()))?;
    step(4, "make the Python of the tests", python::for_tests)?;
    step(5, "find Redis, PostgreSQL, nginx and Chromium", services::for_tests)?;
    step(6, "run the tests", || cargo_test(&arguments.filters))
}

fn step(number: u32, name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    say(format!("step {number} of 6: {name}"));
    work().with_context(|| format!("step {number} of 6 failed: {name}"))
}

fn cargo_test(filters: &[String]) -> Result<()> {
    let workspace = Workspace::load()?;
    for packages in GROUPS {
        let mut cargo = command::cargo(&workspace.root);
        cargo.arg("test");
        for package in packages {
            cargo.args(["-p", package]);
        }
        if !filters.is_empty() {
            cargo.arg("--").args(filters);
        }
        command::run(&mut cargo)?;
    }
    Ok(())
}
