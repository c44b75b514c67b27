//! `patchboard new`, `build`, `doctor` and `wit` without the server, which takes minutes to build.

use clap::{Parser, Subcommand};
use patchboard_project::{Build, Doctor, New, Wit};

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    New(New),
    Build(Build),
    Doctor(Doctor),
    Wit(Wit),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::New(new) => new.run(),
        Command::Build(build) => build.run(),
        Command::Doctor(doctor) => {
            doctor.run();
            Ok(())
        }
        Command::Wit(wit) => wit.run(),
    }
}
