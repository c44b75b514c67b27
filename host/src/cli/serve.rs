//! `patchboard serve`.

use clap::Args;

use super::serving;
use super::source::ServerArgs;
use crate::config::Source;
use crate::telemetry;

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    server: ServerArgs,
    /// Treat every problem of a dropped-in handler as an error, at start and at a reload
    #[arg(long)]
    strict: bool,
    /// Show traps and their backtraces in error bodies; not for production
    #[arg(long)]
    dev: bool,
    /// What is logged: off, error, warn, info, debug or trace; `info,hyper=debug` for a part of it
    #[arg(long, value_name = "FILTER", default_value = "info", env = "PATCHBOARD_LOG")]
    log: String,
}

impl Serve {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        telemetry::start(&self.log);
        let source = Source { log: Some(self.log.clone()), ..self.server.source(self.dev) };
        serving::serve(source, self.strict, None)
    }
}
