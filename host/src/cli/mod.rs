//! The command line: a file a command.
//!
//! Exit codes: 0 after a drain or where all is well, 2 where the start or a check
//! fails, with everything that is wrong on standard error; 1 where requests of a load fail.

mod check;
mod load;
mod routes;
mod serve;
mod source;
mod wit;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    /// reloads the configuration, as does a change of its file; SIGUSR1 opens the access
    /// log's file anew.
    Serve(serve::Serve),
    /// Find everything that would be wrong at a start, and report it at once.
    ///
    /// Nothing is changed: pending migrations are tried, and rolled back. What a server of the
    /// same configuration holds, that runs beside it, is no problem. What cannot be reached
    /// now is a warning. Compiled components are kept in the code cache, for the start.
    Check(check::Check),
    /// Print the routes, the more specific first, or explain where a request goes.
    Routes(routes::Routes),
    /// Put a server under load, and say what came of it.
    ///
    /// Requests are sent for 10 seconds, 10 at once, unless told otherwise: in a closed loop, at a
    /// fixed rate (--rate), or all at once in rounds (--rounds). Only loopback and private addresses
    /// are loaded. The exit code is 1 where a request failed.
    Load(Box<load::Load>),
    /// Write the contract with handlers, as WIT, for toolchains that make bindings of it.
    Wit(wit::Wit),
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let done = |()| ExitCode::SUCCESS;
    let result = match Cli::parse().command {
        Command::Serve(serve) => serve.run().map(done),
        Command::Check(check) => check.run().map(done),
        Command::Routes(routes) => routes.run().map(done),
        Command::Load(load) => load.run(),
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
