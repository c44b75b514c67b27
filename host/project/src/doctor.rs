//! `patchboard doctor`: what this machine lacks, by language of handlers.

use std::env;
use std::path::Path;

use anyhow::Result;
use clap::Args;

use crate::python::environment;
use crate::toolchain::{TARGET, has_target, printed, version};

/// The oldest Rust that the SDK is compiled with.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct Doctor {}

/// What was found of one thing that is needed.
struct Found {
    what: String,
    /// What it is, or how it is to be had.
    is: Result<String, String>,
}

impl Doctor {
    /// Prints what there is; returns whether all is there that handlers in Rust need.
    pub fn run(&self) -> bool {
        let rust = rust();
        section("Rust", "the SDK, `patchboard new` and `patchboard build`", &rust);
        section(
            "Python",
            "optional: `patchboard new --lang python`, and `patchboard build` of a file such as server.py",
            &python(),
        );
        section("JavaScript", "optional: components by jco or componentize-qjs", &javascript());
        rust.iter().all(|found| found.is.is_ok())
    }
}

fn section(language: &str, purpose: &str, all: &[Found]) {
    println!("{language} ({purpose})");
    for Found { what, is } in all {
        match is {
            Ok(is) => println!("  ok       {what}: {is}"),
            Err(remedy) => println!("  missing  {what}: {remedy}"),
        }
    }
}

fn found(what: &str, is: Option<String>, remedy: &str) -> Found {
    Found { what: what.to_owned(), is: is.ok_or_else(|| remedy.to_owned()) }
}

fn rust() -> Vec<Found> {
    let here = Path::new(".");
    let install = "install Rust as https://rustup.rs says";
    let rustc = version("rustc", &["--version"]);
    let is_old = rustc.as_deref().is_some_and(|line| numbers(line) < numbers(OLDEST));
    let mut all = vec![found("rustc", rustc.clone().filter(|_| !is_old), install)];
    if let (true, Some(line)) = (is_old, &rustc) {
        all = vec![found(
            "rustc",
            None,
            &format!("this is {line}, and the SDK needs {OLDEST}; run `rustup update`"),
        )];
    }
    all.push(found("cargo", version("cargo", &["--version"]), install));
    if rustc.is_some() {
        let target = has_target(here).unwrap_or(false).then(|| "installed".to_owned());
        all.push(found(&format!("target {TARGET}"), target, &format!("run `rustup target add {TARGET}`")));
        // rustup's toolchains have it; a distribution's has another, or none.
        let tools = printed(here, "sysroot").ok().map(|root| root.join("lib/rustlib"));
        let linker = tools.and_then(|tools| {
            let hosts = std::fs::read_dir(tools)
                .ok()?
                .flatten()
                .map(|host| host.path().join("bin/wasm-component-ld"));
            hosts.into_iter().find(|linker| linker.is_file()).map(|_| "in the toolchain".to_owned())
        });
        let linker = linker.or_else(|| version("wasm-component-ld", &["--version"]));
        all.push(found("linker of components (wasm-component-ld)", linker, "use a toolchain of rustup's"));
    }
    let remedy = "install a C compiler (Debian: gcc; Fedora: gcc; macOS: xcode-select --install)";
    all.push(found(
        "linker of this machine (cc), for macros and unit tests",
        version("cc", &["--version"]),
        remedy,
    ));
    all
}

fn python() -> Vec<Found> {
    let base = environment::base();
    let python = base.and_then(|program| version(program, &["--version"]));
    let here = env::current_dir().unwrap_or_default();
    let hidden = here.ancestors().map(|folder| folder.join(".patchboard")).find(|folder| folder.is_dir());
    let is_made = hidden.is_some_and(|hidden| environment::is_made(&hidden));
    let wanted = environment::COMPONENTIZE;
    vec![
        found("python3 with venv", python, environment::REMEDY),
        found(
            wanted,
            is_made.then(|| "in .patchboard of this project".to_owned()),
            "`patchboard build` gets it from PyPI into .patchboard of the project",
        ),
    ]
}

fn javascript() -> Vec<Found> {
    vec![
        found("node", version("node", &["--version"]), "install Node.js 20 or later"),
        found("jco", version("jco", &["--version"]), "run `npm install -g @bytecodealliance/jco`"),
    ]
}

/// The numbers of the first version in a line: `rustc 1.95.0 (…)`.
fn numbers(line: &str) -> Vec<u32> {
    let word = line
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .unwrap_or_default();
    let word = word.split('-').next().unwrap_or_default();
    word.split('.').map_while(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert_eq!(numbers("rustc 1.95.0 (59807616e 2026-04-14)"), [1, 95, 0]);
        assert_eq!(numbers("rustc 1.97.0-nightly (e50aa6fba)"), [1, 97, 0]);
        assert!(numbers("rustc 1.100.0") > numbers("1.95") && numbers("rustc 1.9.0") < numbers("1.95"));
        assert!(numbers("rustc 1.95.0") >= numbers("1.95"));
    }
}
