//! `cargo xtask`: everything about this repository that cargo alone cannot do.
//!
//! Building guests to components, running the demo, the tests and the benchmark with
//! what they need, fuzzing, chaos, and vendoring WASI's WIT. Each command is a file of this
//! folder; none of them is part of what is shipped.

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
mod out_dir;
mod python;
mod services;
mod test;
mod toolchain;
mod wasmtime;
mod wit;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Patchboard's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Guests(guests::Arguments),
    Demo(demo::Arguments),
    Test(test::Arguments),
    Python(python::Arguments),
    Fuzz(fuzz::Arguments),
    Bench(bench::Arguments),
    Chaos(chaos::Arguments),
    Wit(wit::Arguments),
}

fn main() -> ExitCode {
    if let Some(done) = coverage::as_compiler() {
        return done;
    }
    let done = match Arguments::parse().command {
        Command::Guests(arguments) => guests::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Test(arguments) => test::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Python(arguments) => python::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Fuzz(arguments) => fuzz::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Chaos(arguments) => chaos::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Wit(arguments) => wit::run(&arguments).map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}
