//! The `wasmtime` that the benchmark compares with: of the version that `Cargo.lock`
//! has for the server, by `cargo install`, for nobody but the benchmark.

use std::fs;

use anyhow::{Context, Result};

use crate::command::{self, say};
use crate::workspace::Workspace;

/// What `wasmtime serve` needs, and what makes it fast. All else that the command
/// line can do would only take longer to build.
const FEATURES: &str =
    "serve,run,cranelift,component-model-async,pooling-allocator,parallel-compilation,cache";

/// Where it goes, below cargo's target folder.
const ROOT: &str = "bench-tools";

/// Installs it, unless it is there.
pub(crate) fn install(workspace: &Workspace) -> Result<()> {
    let lock = workspace.root.join("Cargo.lock");
    let text = fs::read_to_string(&lock).with_context(|| format!("could not read {}", lock.display()))?;
    let version = locked(&text).with_context(|| format!("{} has no wasmtime", lock.display()))?;
    let root = workspace.target.join(ROOT);
    say(format!(
        "wasmtime {version} belongs in {}; if it is not there, building it takes ten minutes or so",
        root.display()
    ));
    // Does nothing where this version with these features is there.
    let mut cargo = command::cargo(&workspace.root);
    cargo.args(["install", "wasmtime-cli", "--version", &format!("={version}"), "--locked", "--root"]);
    cargo.arg(&root).args(["--no-default-features", "--features", FEATURES]);
    command::run_aside(&mut cargo).with_context(|| {
        format!(
            "could not install wasmtime-cli {version}, which needs crates.io, or a mirror that cargo is \
             configured for; scenarios that do without it run with --scenario"
        )
    })
}

/// The version of wasmtime in a `Cargo.lock`, where it follows the name.
fn locked(lock: &str) -> Option<&str> {
    let (_, after) = lock.split_once("name = \"wasmtime\"\nversion = \"")?;
    Some(after.split_once('"')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locked_version() {
        let lock = "[[package]]\nname = \"wasmtime-environ\"\nversion = \"1.0.0\"\n\n\
                    [[package]]\nname = \"wasmtime\"\nversion = \"48.0.8\"\nsource = \"x\"\n";
        assert_eq!(locked(lock), Some("48.0.8"));
        assert_eq!(locked(""), None);
        assert!(locked(include_str!("../../Cargo.lock")).is_some());
    }
}
