//! The command alone, without the server, which takes minutes to build:
//! `cargo run -p patchboard-load --example load -- URL`.

use std::process::ExitCode;

use clap::Parser;

/// Put a server under load, and say what came of it.
#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    load: patchboard_load::Load,
}

fn main() -> ExitCode {
    Cli::parse().load.run().unwrap_or_else(|error| {
        for line in format!("{error:#}").lines() {
            eprintln!("error: {line}");
        }
        ExitCode::from(2)
    })
}
