//! `cargo xtask wit`: copies the WIT of WASI into `wit/deps/`, from the crate
//! with which the host implements it, so that host and guests cannot differ; and
//! that of proposals which have no crate, from beside this file.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use lexopt::{Arg, Parser};

use crate::task::{Task, Work, work};
use crate::toolchain;
use crate::workspace::Workspace;

/// The crate that has the files, and its folders of WASI 0.2 and 0.3.
const SOURCE: &str = "wasmtime-wasi-http";
const FOLDERS: [&str; 2] = ["wit/deps", "src/p3/wit/deps"];

/// The interfaces of <https://github.com/WebAssembly/wasi-logging>,
/// <https://github.com/WebAssembly/wasi-config>,
/// <https://github.com/WebAssembly/wasi-keyvalue> and
/// <https://github.com/WebAssembly/wasi-blobstore>, which are in no crate that is used. Of
/// other packages they name the versions that are here.
const PROPOSALS: [&str; 4] = [
    include_str!("wasi-logging.wit"),
    include_str!("wasi-config.wit"),
    include_str!("wasi-keyvalue.wit"),
    include_str!("wasi-blobstore.wit"),
];

pub(crate) const TASK: Task = Task {
    name: "wit",
    about: "Vendor WASI's WIT packages into wit/deps/",
    help: Some(
        "[OPTIONS]

They come from the wasmtime-wasi-http that Cargo.lock names.

  --check     Change nothing; fail if wit/deps/ is not what would be written",
    ),
    read,
};

fn read(mut parser: Parser) -> Result<Work, lexopt::Error> {
    let mut arguments = Arguments { check: false };
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("check") => arguments.check = true,
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(work(move || run(&arguments)))
}

struct Arguments {
    check: bool,
}

/// Files by name.
type Files = BTreeMap<String, String>;

/// How the folder differs from what it should be.
#[derive(Debug, PartialEq)]
enum Difference<'a> {
    Missing(&'a str),
    Changed(&'a str),
    Extra(&'a str),
}

/// Fails if `wit/deps/` is not what it should be.
pub(crate) fn check() -> Result<()> {
    run(&Arguments { check: true })
}

fn run(arguments: &Arguments) -> Result<()> {
    let root = Workspace::load()?.root;
    let expected = vendored(&root)?;
    let folder = root.join("wit/deps");
    let found = if folder.is_dir() { files_in(&folder)? } else { Files::new() };
    let differences = compare(&expected, &found);
    for difference in &differences {
        println!("wit/deps/{difference}");
    }
    if differences.is_empty() {
        println!("wit/deps: {} files, as they should be", expected.len());
        return Ok(());
    }
    if arguments.check {
        bail!("wit/deps is not what {SOURCE} has; run cargo xtask wit");
    }
    fs::create_dir_all(&folder)?;
    for difference in differences {
        match difference {
            Difference::Extra(name) => fs::remove_file(folder.join(name)),
            Difference::Missing(name) | Difference::Changed(name) => {
                fs::write(folder.join(name), expected.get(name).map_or("", String::as_str))
            }
        }
        .with_context(|| format!("could not update {}", folder.display()))?;
    }
    println!("wit/deps: {} files, now as they should be", expected.len());
    Ok(())
}

/// The files as the locked crate has them, under the names they get here.
fn vendored(root: &Path) -> Result<Files> {
    let workspace = Workspace::load_with_dependencies(&toolchain::host_triple(root)?)?;
    let mut sources = workspace.packages.iter().filter(|package| package.name == SOURCE);
    let source = match (sources.next(), sources.next()) {
        (Some(source), None) => source.manifest_path.parent().context("a manifest has a folder")?,
        (None, _) => bail!("no package depends on {SOURCE}, whose WIT would be copied"),
        (Some(_), Some(_)) => bail!("Cargo.lock has several versions of {SOURCE}; keep one"),
    };
    let mut files = Files::new();
    files.extend(PROPOSALS.iter().filter_map(|text| Some((file_name(text)?, (*text).to_owned()))));
    for folder in FOLDERS {
        let folder = source.join(folder);
        for (file, text) in files_in(&folder)?.into_iter().filter(|(file, _)| file.ends_with(".wit")) {
            let name = file_name(&text).with_context(|| {
                format!("{} has no line `package wasi:NAME@VERSION;`", folder.join(file).display())
            })?;
            if files.insert(name.clone(), text).is_some() {
                bail!("{SOURCE} has two files for {name}");
            }
        }
    }
    Ok(files)
}

/// All files of a folder.
fn files_in(folder: &Path) -> Result<Files> {
    let entries = fs::read_dir(folder).with_context(|| format!("could not read {}", folder.display()))?;
    let mut files = Files::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
        files.insert(name, text);
    }
    Ok(files)
}

/// `wasi-http-0.3.0.wit` out of the line `package wasi:http@0.3.0;`.
fn file_name(text: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix("package wasi:"))?;
    let (name, version) = line.strip_suffix(';')?.split_once('@')?;
    Some(format!("wasi-{}-{}.wit", name.trim(), version.trim()))
}

fn compare<'a>(expected: &'a Files, found: &'a Files) -> Vec<Difference<'a>> {
    let absent = expected.iter().filter_map(|(name, text)| match found.get(name) {
        None => Some(Difference::Missing(name)),
        Some(other) if other != text => Some(Difference::Changed(name)),
        Some(_) => None,
    });
    let extra = found.keys().filter(|name| !expected.contains_key(*name));
    absent.chain(extra.map(|name| Difference::Extra(name))).collect()
}

impl fmt::Display for Difference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "{name}: missing"),
            Self::Changed(name) => write!(f, "{name}: differs"),
            Self::Extra(name) => write!(f, "{name}: does not belong here"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_come_from_the_package_line() {
        for (text, expected) in [
            ("package wasi:http@0.3.0;\n\ninterface types {}\n", Some("wasi-http-0.3.0.wit")),
            ("// a comment\n\npackage wasi:cli@0.2.12;\n", Some("wasi-cli-0.2.12.wit")),
            ("package wasi:http@0.3.0-rc-2026-01-06;", Some("wasi-http-0.3.0-rc-2026-01-06.wit")),
            ("package wasi:http;\n", None),
            ("package wasmtime:wasi-http@1.0.0;\n", None),
            ("", None),
        ] {
            assert_eq!(file_name(text).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn differences_are_all_listed() {
        let files = |list: &[(&str, &str)]| -> Files {
            list.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
        };
        let expected = files(&[("a.wit", "1"), ("b.wit", "2"), ("c.wit", "3")]);
        assert_eq!(compare(&expected, &expected), []);
        let found = files(&[("a.wit", "1"), ("b.wit", "other"), ("notes.txt", "")]);
        assert_eq!(
            compare(&expected, &found),
            [Difference::Changed("b.wit"), Difference::Missing("c.wit"), Difference::Extra("notes.txt"),]
        );
    }
}
