//! The command line: a file a command.
//!
//! Exit codes: 0 after a drain or where all is well, 2 where the start or a check
//! fails, with everything that is wrong on standard error; 1 where requests of a load fail, or tests.

mod backup;
mod check;
mod dev;
mod inspect;
mod load;
mod restore;
mod routes;
mod serve;
mod serving;
mod source;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use patchboard_project::{Build, Doctor, New, Wit};

/// A web server whose every dynamic route is a WebAssembly component, dropped into a folder.
#[derive(Debug, Parser)]
#[command(name = "patchboard", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve handlers and static mounts.
    ///
    /// Without a configuration, `handlers/` and `static/` of the current folder are served.
    /// SIGINT and SIGTERM finish the calls under way, for `drain_timeout` at most. SIGHUP
    /// reloads the configuration, as does a change of its file unless `follow` says otherwise; SIGUSR1 opens the access
    /// log's file anew.
    Serve(serve::Serve),
    /// Find everything that would be wrong at a start, and report it at once.
    ///
    /// Nothing is changed: pending migrations are tried, and rolled back. What a server of the
    /// same configuration holds, that runs beside it, is no problem. What cannot be reached
    /// now is a warning. Compiled components are kept in the code cache, for the start.
    Check(check::Check),
    /// Copy what handlers keep, the folder `data`, to a new folder; also while the server runs.
    ///
    /// Each database, and the file of the key-value buckets, is copied as it is at one moment,
    /// and each object whole; nobody waits for it. Run it as the user of the server. The folder
    /// is there when all is in it: files as they are in `data`, and a list with their checksums.
    /// What is elsewhere (PostgreSQL, Redis, files outside of `data`) has backups of its own.
    Backup(backup::Backup),
    /// Put a backup into the folder `data`, where there is nothing yet.
    ///
    /// Every file is held against its checksum. Unless all of it is whole, nothing is there
    /// afterwards; and nothing is overwritten: move away what is there, and stop the server.
    Restore(restore::Restore),
    /// Print the routes, the more specific first, or explain where a request goes.
    Routes(routes::Routes),
    /// Put a server under load, and say what came of it.
    ///
    /// Requests are sent for 10 seconds, 10 at once, unless told otherwise: in a closed loop, at a
    /// fixed rate (--rate), or all at once in rounds (--rounds). Only loopback and private addresses
    /// are loaded. The exit code is 1 where a request failed.
    Load(Box<load::Load>),
    /// Make a project with a handler, or another handler of the project it is called in.
    ///
    /// A project is a workspace of cargo's, with patchboard.toml, tests, and the SDK of this
    /// version in a folder that is committed with it; nothing but Rust and crates.io is needed
    /// to build it. One of Python has no workspace, and needs Python and PyPI instead.
    New(New),
    /// Compile the handlers of a project, and put the components where the server looks for them.
    ///
    /// A project is any workspace of cargo's; its handlers are the packages with a library of
    /// type cdylib. Those in Python are the folders `python/NAME` with a `server.py`, or any file
    /// that is named: an application of aiohttp's. What they need comes from PyPI, into the folder
    /// `.patchboard` of the project. RUSTFLAGS is not used, as it is meant for this machine;
    /// CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS is.
    Build(Build),
    /// Serve a project, build it whenever its sources change, and show what is wrong with it.
    ///
    /// What is built takes the next request; pages that are open reload by themselves. Where the
    /// sources cannot be compiled, what was served before goes on, and browsers are shown what the
    /// compiler says. A page of a trap has the panic's message, the lines of its source, and what
    /// was logged. The last requests are asked again after each build, and it is said which
    /// answers differ. It builds by the profile `dev`: build by `patchboard build` before deploying.
    Dev(dev::Dev),
    /// Ask the built handlers what `.http` files ask, and hold the answers against what they expect.
    ///
    /// All `.http` files in the folder of the configuration, and below, are read, as the clients of
    /// editors know them; `# @expect status 200` and the like say what is expected. Each test has
    /// the handlers anew, with nothing in databases, buckets and folders; no socket is opened, and
    /// what handlers ask of other servers is answered by the file. The exit code is 1 where a test
    /// fails.
    Test(test::Test),
    /// Say what is in a component, what it must be granted, and whether it would be loaded.
    Inspect(inspect::Inspect),
    /// Say what this machine lacks to build handlers, by language.
    Doctor(Doctor),
    /// Write the contract with handlers, as WIT, for toolchains that make bindings of it.
    Wit(Wit),
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let done = |()| ExitCode::SUCCESS;
    let result = match Cli::parse().command {
        Command::Serve(serve) => serve.run().map(done),
        Command::Check(check) => check.run().map(done),
        Command::Backup(backup) => backup.run().map(done),
        Command::Restore(restore) => restore.run().map(done),
        Command::Routes(routes) => routes.run().map(done),
        Command::Load(load) => load.run(),
        Command::New(new) => new.run().map(done),
        Command::Build(build) => build.run().map(done),
        Command::Dev(dev) => dev.run().map(done),
        Command::Test(test) => test.run(),
        Command::Inspect(inspect) => inspect.run().map(done),
        Command::Doctor(doctor) => Ok(if doctor.run() { ExitCode::SUCCESS } else { ExitCode::from(1) }),
        Command::Wit(wit) => wit.run().map(done),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            for line in format!("{error:#}").lines() {
                eprintln!("error: {line}");
            }
            ExitCode::from(2)
        }
    }
}
