//! `cargo xtask test`: all that has to be there before the tests can run, then
//! the tests.

use std::ffi::OsString;

use anyhow::{Context, Result};
use lexopt::Parser;

use crate::command::{self, say};
use crate::task::{self, Task, Work, work};
use crate::toolchain::Toolchain;
use crate::workspace::{Profile, Workspace};
use crate::{guests, languages, python, services, wit};

/// Packages that are tested together; guests are left out: they are components, and
/// run under the tests of `patchboard-tests`.
///
/// Each group is a build of its own, since cargo unifies the features of what is built
/// together. None of the first asks more of a dependency than the server does, so that
/// nothing of what it is built with is compiled a second time; the SDK asks for more, of
/// much that wasmtime is built with. The simulation asks for a clock of tokio's that can be
/// stopped, so that tokio and what is above it are compiled again, but not wasmtime itself.
const GROUPS: [&[&str]; 3] = [
    &[
        "patchboard-pattern",
        "patchboard-server",
        "patchboard-load",
        "patchboard-allocator",
        "patchboard-blob",
        "patchboard-files",
        "patchboard-key-value",
        "patchboard-project",
        "patchboard-sql",
        "patchboard-fuzz",
        "patchboard-tests",
        "patchboard-chaos",
        "patchboard-bench",
        "patchboard-house",
        "xtask",
    ],
    &["patchboard-simulation"],
    &["patchboard", "patchboard-macros"],
];

pub(crate) const TASK: Task = Task {
    name: "test",
    about: "Build everything, have what the tests need at hand, and run all tests",
    help: Some(
        "[-- FILTER...]

FILTER is which tests, and other options of the test programs.",
    ),
    read,
};

fn read(mut parser: Parser) -> Result<Work, lexopt::Error> {
    let filters = task::rest(&mut parser);
    match parser.next()? {
        Some(argument) => Err(argument.unexpected()),
        None => Ok(work(move || run(&filters))),
    }
}

fn run(filters: &[OsString]) -> Result<()> {
    let workspace = Workspace::load()?;
    step(1, "check wit/deps", wit::check)?;
    step(2, "build the guests (two minutes the first time)", || guests::for_tests(&workspace))?;
    step(3, "build the server (some minutes the first time, because of wasmtime)", || {
        workspace.build_server(Profile::Dev).map(drop)
    })?;
    step(4, "make the Python of the tests (seconds)", python::for_tests)?;
    step(5, "make components of Python and JavaScript (two minutes)", || {
        languages::for_tests(&workspace, &workspace.build_server(Profile::Dev)?)
    })?;
    step(6, "find Redis, PostgreSQL, nginx, HAProxy and Chromium", services::for_tests)?;
    step(7, "build and run the tests (minutes)", || cargo_test(&workspace, filters))
}

fn step(number: u32, name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    say(format!("step {number} of 7: {name}"));
    work().with_context(|| format!("step {number} of 7 failed: {name}"))
}

fn cargo_test(workspace: &Workspace, filters: &[OsString]) -> Result<()> {
    let toolchain = Toolchain::find(&workspace.root)?;
    for packages in GROUPS {
        let mut cargo = command::cargo(&workspace.root);
        cargo.arg("test");
        for package in packages {
            cargo.args(["-p", package]);
        }
        // The tests of projects build handlers as their authors do.
        if let Toolchain::Compiler(rustc) = &toolchain {
            cargo.env("PATCHBOARD_GUEST_RUSTC", rustc);
        }
        if !filters.is_empty() {
            cargo.arg("--").args(filters);
        }
        command::run(&mut cargo)?;
    }
    Ok(())
}
