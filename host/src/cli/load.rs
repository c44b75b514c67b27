//! `patchboard load`: the load client, which is a crate of its own and knows nothing of
//! the server's.

use std::process::ExitCode;

use clap::Args;

/// Arguments of `load`.
#[derive(Debug, Args)]
pub(super) struct Load {
    #[command(flatten)]
    load: patchboard_load::Load,
}

impl Load {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        self.load.run()
    }
}
