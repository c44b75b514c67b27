//! `cargo xtask chaos`, which builds this, the server and the guests before.

use std::process::ExitCode;

use clap::Parser;
use patchboard_chaos::Options;

/// Let handlers and clients misbehave at once, and check that nothing is wrong, lost or kept
#[derive(Parser)]
#[command(name = "cargo xtask chaos", bin_name = "cargo xtask chaos")]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    match patchboard_chaos::run(&Arguments::parse().options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            eprintln!("chaos: {wrong:#}");
            ExitCode::FAILURE
        }
    }
}
