//! The compiler for handlers: whether it is there, and its target.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// What handlers are compiled for: components that import WASI 0.2.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// The first line that a program says of its version; nothing where it cannot be run.
pub(crate) fn version(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    let text =
        String::from_utf8_lossy(if output.stdout.is_empty() { &output.stderr } else { &output.stdout })
            .into_owned();
    let line = text.lines().next().unwrap_or_default().trim().to_owned();
    output.status.success().then_some(line)
}

/// The rustc that cargo would use in `folder`.
pub(crate) fn rustc(folder: &Path) -> Command {
    let mut command = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.current_dir(folder).stdin(Stdio::null());
    command
}

/// What rustc prints, in one line.
///
/// # Errors
///
/// If it cannot be run.
pub(crate) fn printed(folder: &Path, what: &str) -> Result<PathBuf> {
    let output = rustc(folder)
        .args(["--print", what, "--target", TARGET])
        .output()
        .context("cannot run rustc; install Rust as https://rustup.rs says, or put rustc on the PATH")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("rustc: {}", said.lines().next().unwrap_or("it fails").trim_start_matches("error: "));
    }
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

/// Whether the target is there.
///
/// # Errors
///
/// If rustc cannot be run.
pub(crate) fn has_target(folder: &Path) -> Result<bool> {
    Ok(printed(folder, "target-libdir")?.is_dir())
}

/// Has rustup get the target where it is not there.
///
/// # Errors
///
/// How it is to be had.
pub(crate) fn ensure_target(folder: &Path) -> Result<()> {
    if has_target(folder)? {
        return Ok(());
    }
    if env::var_os("RUSTC").is_none() && version("rustup", &["--version"]).is_some() {
        eprintln!("rustc has no target {TARGET}; running `rustup target add {TARGET}`");
        let mut rustup = Command::new("rustup");
        // A failure is no fault of rustup's own.
        rustup
            .args(["target", "add", TARGET])
            .current_dir(folder)
            .stdin(Stdio::null())
            .env("RUST_BACKTRACE", "0");
        if rustup.status().is_ok_and(|status| status.success()) && has_target(folder)? {
            return Ok(());
        }
        bail!(
            "rustup could not add the target {TARGET}; run `rustup target add {TARGET}` where it can be downloaded"
        );
    }
    bail!(
        "this rustc has no target {TARGET}; install Rust as https://rustup.rs says and run `rustup target add {TARGET}`, or \
         your distribution's package of that target"
    )
}
