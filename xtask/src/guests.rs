//! `cargo xtask guests`: builds every guest to a component and copies it to
//! where the server, or the tests, look for it.
//!
//! A guest is a workspace member with a `cdylib`. The folders are built by
//! separate runs of cargo, as cargo would give the crates that several packages
//! of one run share the union of the features any of them asks for.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use lexopt::{Arg, Parser};

use crate::command::{self, say};
use crate::out_dir::OutDir;
use crate::task::{Task, Work, work};
use crate::toolchain::{TARGET, Toolchain};
use crate::workspace::{Package, Workspace};

/// The demo handlers.
const DEMO: &str = "guest-handlers";
/// The guests that misbehave on purpose, and others only the tests need.
const TESTS: &str = "tests/guests";
/// Demo guests that the tests also want as components of `wasi:http`.
const VARIANTS: [&str; 3] = ["hello", "demo1", "demo2"];
/// The feature that makes them so, and the end of their names.
const VARIANT_FEATURE: &str = "wasi-http";

pub(crate) const TASK: Task = Task {
    name: "guests",
    about: "Build every guest to a component",
    help: Some(
        "[OPTIONS]

The guests are the members of the workspace under guest-handlers/ that have a cdylib.
Where this machine has no wasm32-wasip2 target and cannot download it, a toolchain is
put together from Debian's packages, once, in
${PATCHBOARD_CACHE:-${XDG_CACHE_HOME:-~/.cache}/patchboard}.

  --out DIR   Where the components of guest-handlers/ go [default: target/handlers of
              this repository]
  --tests     Also build what the tests need, to target/test-guests",
    ),
    read,
};

fn read(mut parser: Parser) -> Result<Work, lexopt::Error> {
    let (mut out, mut tests) = (None, false);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("out") => out = Some(PathBuf::from(parser.value()?)),
            Arg::Long("tests") => tests = true,
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(work(move || build_all(&Workspace::load()?, out.as_deref(), tests)))
}

/// Builds the demo guests to where `patchboard.toml` looks for them.
pub(crate) fn for_demo() -> Result<()> {
    build_all(&Workspace::load()?, None, false)
}

/// Builds the demo guests of `workspace`, and those of its tests.
pub(crate) fn for_tests(workspace: &Workspace) -> Result<()> {
    build_all(workspace, None, true)
}

fn build_all(workspace: &Workspace, out: Option<&Path>, tests: bool) -> Result<()> {
    let toolchain = Toolchain::find(&workspace.root)?;
    let default = workspace.root.join("target/handlers");
    build_demo(workspace, &toolchain, out.unwrap_or(&default))?;
    if tests {
        build_tests(workspace, &toolchain)?;
    }
    Ok(())
}

fn build_demo(workspace: &Workspace, toolchain: &Toolchain, out: &Path) -> Result<()> {
    let guests = select(workspace, DEMO);
    if guests.is_empty() {
        say(format!("no package under {DEMO}/ has a cdylib, so there is no guest to build"));
    }
    let mut out = OutDir::open(out)?;
    build(workspace, toolchain, &guests, None, &mut out)?;
    out.finish()
}

fn build_tests(workspace: &Workspace, toolchain: &Toolchain) -> Result<()> {
    let mut out = OutDir::open(&workspace.root.join("target/test-guests"))?;
    build(workspace, toolchain, &select(workspace, TESTS), None, &mut out)?;
    let demo = select(workspace, DEMO);
    let mut variants = Vec::new();
    for name in VARIANTS {
        match demo.iter().find(|guest| guest.name == name) {
            Some(guest) if guest.features.contains(VARIANT_FEATURE) => variants.push(*guest),
            Some(_) => say(format!(
                "error: skipped {name}-{VARIANT_FEATURE}: the package {name} has no feature \
                 {VARIANT_FEATURE}; add it to its Cargo.toml"
            )),
            None => say(format!(
                "error: skipped {name}-{VARIANT_FEATURE}: there is no guest {name} under {DEMO}/"
            )),
        }
    }
    build(workspace, toolchain, &variants, Some(VARIANT_FEATURE), &mut out)?;
    out.finish()
}

/// The guests under `folder`, by name.
fn select<'a>(workspace: &'a Workspace, folder: &str) -> Vec<&'a Package> {
    let folder = workspace.root.join(folder);
    let mut guests: Vec<_> = workspace
        .packages
        .iter()
        .filter(|package| package.cdylib().is_some() && package.is_under(&folder))
        .collect();
    guests.sort_by(|a, b| a.name.cmp(&b.name));
    guests
}

/// Builds `guests` in one run of cargo, all with `feature` where there is one,
/// and copies them out at once, as the next run may write to the same places.
fn build(
    workspace: &Workspace,
    toolchain: &Toolchain,
    guests: &[&Package],
    feature: Option<&str>,
    out: &mut OutDir,
) -> Result<()> {
    if guests.is_empty() {
        return Ok(());
    }
    let started = Instant::now();
    let target_dir = workspace.root.join("target/guests");
    let mut cargo = command::cargo(&workspace.root);
    cargo.args(["build", "--profile", "guest", "--target", TARGET, "--target-dir"]);
    cargo.arg(&target_dir);
    for guest in guests {
        cargo.args(["-p", &guest.name]);
        if let Some(feature) = feature {
            cargo.args(["--features", &format!("{}/{feature}", guest.name)]);
        }
    }
    toolchain.apply(&mut cargo);
    command::run_aside(&mut cargo).context("could not build the guests")?;
    for guest in guests {
        let Some(cdylib) = guest.cdylib() else {
            bail!("the package {} has no cdylib", guest.name);
        };
        let artefact = target_dir.join(TARGET).join("guest").join(format!("{cdylib}.wasm"));
        let name = match feature {
            Some(feature) => format!("{}-{feature}", guest.name),
            None => guest.name.clone(),
        };
        out.put(&name, &artefact)?;
    }
    say(format!("built {} guests in {:.1} s", guests.len(), started.elapsed().as_secs_f64()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_are_the_cdylibs_of_a_folder() -> Result<()> {
        let workspace = Workspace::parse(
            r#"{"workspace_root": "/w", "target_directory": "/w/target", "packages": [
                {"name": "upload", "manifest_path": "/w/guest-handlers/upload/Cargo.toml",
                 "features": {}, "targets": [{"name": "upload", "crate_types": ["cdylib"]}]},
                {"name": "patchboard", "manifest_path": "/w/guest-handlers/sdk/Cargo.toml",
                 "features": {}, "targets": [{"name": "patchboard", "crate_types": ["lib"]}]},
                {"name": "my-demo", "manifest_path": "/w/guest-handlers/my-demo/Cargo.toml",
                 "features": {"wasi-http": []}, "targets": [
                   {"name": "my_demo", "crate_types": ["lib", "cdylib"]},
                   {"name": "page", "crate_types": ["bin"]}]},
                {"name": "trap", "manifest_path": "/w/tests/guests/trap/Cargo.toml",
                 "features": {}, "targets": [{"name": "trap", "crate_types": ["cdylib"]}]}]}"#,
        )?;
        let names = |folder| -> Vec<_> {
            let guests = select(&workspace, folder);
            guests.iter().map(|guest| (guest.name.as_str(), guest.cdylib())).collect()
        };
        assert_eq!(names(DEMO), [("my-demo", Some("my_demo")), ("upload", Some("upload"))]);
        assert_eq!(names(TESTS), [("trap", Some("trap"))]);
        assert_eq!(names("guest"), []);
        Ok(())
    }
}
