//! Coverage for `cargo xtask fuzz`: code that counts how often each edge of it is run
//! and shows what it compares, which is how libFuzzer finds its way into it.
//!
//! xtask names itself to cargo as the compiler of this workspace's own crates, and hands
//! on to rustc with the flags for that. Dependencies are compiled by rustc itself, so
//! that they are the same ones, compiled once, for everything else. The flags are stable
//! ones; a sanitizer, which is not, would find little in code without `unsafe`.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::command::say;

/// Set where xtask is to be the compiler.
const VARIABLE: &str = "PATCHBOARD_XTASK_COVERAGE";

/// What cargo does not know of: after a change here, `cargo clean -p patchboard-server -p
/// patchboard-fuzz` makes it take effect.
const FLAGS: [&str; 5] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// Lets `cargo` compile the workspace's crates with coverage. The path of the compiler
/// is part of the names of what is built, so nothing built without is replaced.
pub(crate) fn turn_on(cargo: &mut Command) -> Result<()> {
    let xtask = env::current_exe().context("could not find xtask's own program")?;
    cargo.env("RUSTC_WORKSPACE_WRAPPER", xtask).env(VARIABLE, "1");
    Ok(())
}

/// If cargo has started xtask as the compiler: becomes rustc, whose path and arguments
/// are its arguments. Returns where it cannot.
pub(crate) fn as_compiler() -> Option<ExitCode> {
    env::var_os(VARIABLE)?;
    let mut arguments = env::args_os().skip(1);
    let mut rustc = Command::new(arguments.next()?);
    let arguments: Vec<OsString> = arguments.collect();
    if arguments.iter().any(|argument| argument == "--crate-name") {
        rustc.args(FLAGS);
    }
    let error: io::Error = rustc.args(arguments).exec();
    say(format!("could not start rustc: {error}"));
    Some(ExitCode::FAILURE)
}
