//! `cargo xtask`: everything about this repository that cargo alone cannot do.
//!
//! Building guests to components, running the demo, the tests and the benchmark with
//! what they need, fuzzing, chaos, and vendoring WASI's WIT. Each task is a file of this
//! folder; none of them is part of what is shipped. What is large (the benchmark, chaos,
//! the fuzz targets) is a program of its own, so that this one is built in seconds.

mod against;
mod apt;
mod bench;
mod chaos;
mod command;
mod compiler;
mod coverage;
mod debian;
mod demo;
mod fuzz;
mod guests;
mod install;
mod languages;
mod out_dir;
mod python;
mod services;
mod task;
mod test;
mod toolchain;
mod wasmtime;
mod wit;
mod workspace;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use lexopt::Parser;

use crate::task::{Task, asks_for_help};

const TASKS: [Task; 9] = [
    guests::TASK,
    demo::TASK,
    test::TASK,
    python::TASK,
    languages::TASK,
    fuzz::TASK,
    bench::TASK,
    chaos::TASK,
    wit::TASK,
];

/// The exit code for arguments that cannot be understood.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    if let Some(done) = coverage::as_compiler() {
        return done;
    }
    if let Some(done) = demo::as_announcer() {
        return done;
    }
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    run(&arguments).unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(arguments: &[OsString]) -> Result<ExitCode> {
    let name = arguments.first().map(|name| name.to_string_lossy());
    let Some(task) = TASKS.iter().find(|task| name.as_deref() == Some(task.name)) else {
        if asks_for_help(arguments) {
            print!("{}", help());
            return Ok(ExitCode::SUCCESS);
        }
        eprint!("{}", help());
        return Ok(ExitCode::from(USAGE));
    };
    let own = arguments.get(1..).unwrap_or_default();
    if task.is_asked_for_help(own) {
        print!("{}", task.help().unwrap_or_default());
        return Ok(ExitCode::SUCCESS);
    }
    match (task.read)(Parser::from_args(own)) {
        Ok(work) => work(),
        Err(error) => {
            eprintln!("xtask: {error}; `cargo xtask {} --help` says what it takes", task.name);
            Ok(ExitCode::from(USAGE))
        }
    }
}

/// A line a task.
fn help() -> String {
    let tasks: String = TASKS.iter().map(|task| format!("  {:8} {}\n", task.name, task.about)).collect();
    format!(
        "Patchboard's own commands\n\nUsage: cargo xtask TASK [ARGUMENTS]\n\n{tasks}\n\
         `cargo xtask TASK --help` tells more.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The options of a help, `--out DIR` as `["--out", "7"]`: what is a number is a name too.
    fn options(help: &str) -> Vec<Vec<&str>> {
        let lines = help.lines().filter_map(|line| line.trim_start().strip_prefix("--"));
        let words = lines.map(|line| line.split("  ").next().unwrap_or_default());
        words
            .map(|words| {
                let at = help.find(&format!("--{words}")).unwrap_or_default();
                let mut words = help[at..at + 2 + words.len()].split(' ');
                words.next().into_iter().chain(words.next().map(|_| "7")).collect()
            })
            .collect()
    }

    #[test]
    fn every_option_of_a_help_is_read() {
        for task in TASKS {
            let Some(help) = task.help else { continue };
            assert!((task.read)(Parser::from_args(["--no-such-option"])).is_err(), "{}", task.name);
            for option in options(help) {
                assert!((task.read)(Parser::from_args(&option)).is_ok(), "{} {option:?}", task.name);
            }
        }
        assert_eq!(
            options("[OPTIONS]\n\n  --out DIR  Where\n  --tests    Also\n"),
            [vec!["--out", "7"], vec!["--tests"]]
        );
    }

    #[test]
    fn help_is_asked_for_before_two_dashes() {
        let arguments = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        for (text, expected) in
            [("--help", true), ("--release -h", true), ("--release", false), ("--release -- --help", false)]
        {
            assert_eq!(asks_for_help(&arguments(text)), expected, "{text}");
        }
        let task = |name| TASKS.iter().find(|task| task.name == name).unwrap();
        let (demo, bench) = (task("demo"), task("bench"));
        assert!(
            demo.is_asked_for_help(&arguments("--help")) && !bench.is_asked_for_help(&arguments("--help"))
        );
    }

    #[test]
    fn what_is_not_understood_is_an_error_of_usage() {
        for arguments in [&["demo", "--nothing"][..], &["fuzz", "--seconds", "0"], &["nothing"], &[]] {
            let arguments: Vec<_> = arguments.iter().map(OsString::from).collect();
            assert_eq!(run(&arguments).ok(), Some(ExitCode::from(USAGE)), "{arguments:?}");
        }
    }
}
