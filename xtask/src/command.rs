//! Running other programs: what they inherit, how long they may take, and one
//! wording for their failures.
//!
//! xtask itself is started by `cargo run`, which sets variables that describe
//! xtask's package. They must not reach another cargo: build scripts that watch
//! them (ring's does) would run again at every change between the two.

use std::env;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// What `cargo run` tells the program it runs about that program.
const OF_CARGO_RUN: [&str; 5] =
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];

/// The cargo that runs xtask, to be run in `folder`.
pub(crate) fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folder);
    forget_cargo_run(&mut command);
    command
}

fn forget_cargo_run(command: &mut Command) {
    for (name, _) in env::vars_os() {
        if OF_CARGO_RUN.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
}

/// Says in one line what happens and why.
pub(crate) fn say(line: impl AsRef<str>) {
    eprintln!("xtask: {}", line.as_ref());
}

/// Runs `command` with its output passed through; anything but success is an
/// error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("could not start {}", name(command)))?;
    success(command, status)
}

/// Runs `command` with its output passed through to stderr, so that stdout stays
/// for what xtask itself has to say.
pub(crate) fn run_aside(command: &mut Command) -> Result<()> {
    run(command.stdout(io::stderr()))
}

/// Runs `command` and returns its stdout; its stderr becomes part of the error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("could not start {}", name(command)))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        bail!("{} failed ({}): {}", name(command), output.status, why.trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("{} wrote no UTF-8", name(command)))
}

/// Becomes `command`, so that signals reach it and its exit code is xtask's. Returns
/// where it cannot.
pub(crate) fn become_program(command: &mut Command) -> Result<ExitCode> {
    forget_cargo_run(command);
    let error = command.stdin(Stdio::null()).exec();
    Err(error).with_context(|| format!("could not start {}", name(command)))
}

/// Runs `command` with its output passed through to stderr, and ends it after
/// `limit`.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> Result<()> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(io::stderr())
        .spawn()
        .with_context(|| format!("could not start {}", name(command)))?;
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return success(command, status);
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            bail!("{} took longer than {} s", name(command), limit.as_secs());
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Whether `program` can be started at all. Servers are in `sbin`, which only root's PATH
/// has on Debian.
pub(crate) fn exists(program: &str) -> bool {
    let starts = |program: PathBuf| {
        let mut command = Command::new(program);
        command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // Not every program knows that option.
        command.status().is_ok()
    };
    starts(program.into()) || starts(Path::new("/usr/sbin").join(program))
}

fn success(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("{} failed ({status})", name(command));
    }
    Ok(())
}

/// The program and its first argument: enough to know it by.
fn name(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let first = command.get_args().next().unwrap_or_default();
    format!("`{} {}`", program.to_string_lossy(), first.to_string_lossy())
}
