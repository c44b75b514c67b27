//! `cargo xtask chaos`: the guests and the server are built, then handlers and clients
//! misbehave for as long as wanted.

use anyhow::Result;
use clap::Args;

use crate::{demo, guests};

/// Let handlers and clients misbehave at once, and check that nothing is wrong, lost or kept
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    options: patchboard_chaos::Options,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    guests::for_tests()?;
    demo::build_server(demo::Profile::Dev)?;
    patchboard_chaos::run(&arguments.options)
}
