//! `patchboard dev`.

use clap::Args;

use super::serving;
use super::source::ServerArgs;
use crate::config::Source;
use crate::dev::{Developer, Options};
use crate::telemetry;

/// Arguments of `dev`.
#[derive(Debug, Args)]
pub(super) struct Dev {
    /// The handlers to build [default: all of the project]
    names: Vec<String>,
    #[command(flatten)]
    server: ServerArgs,
    /// Serve also at addresses that other machines can reach, and show sources to whoever asks there
    #[arg(long)]
    public: bool,
    /// How many of the last GETs and HEADs are kept and asked again after each build; 0 for none
    #[arg(long, value_name = "COUNT", default_value = "40", value_parser = clap::value_parser!(u16).range(..=1000))]
    again: u16,
    /// What is logged: off, error, warn, info, debug or trace; `info,hyper=debug` for a part of it
    #[arg(long, value_name = "FILTER", default_value = "info", env = "PATCHBOARD_LOG")]
    log: String,
}

impl Dev {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let Self { names, server, public, again, log } = self;
        let source = server.source(true);
        let options = Options { requests: again.into(), is_public: public };
        let recent = telemetry::start_keeping(&log);
        let developer = Developer::new(names, source.handlers_dir.clone(), options, recent)?;
        // So that the server finds it, before the first component is in it.
        developer.make_folder()?;
        // Of the project, wherever in it this is called.
        let file = source.file.clone().or_else(|| developer.configuration());
        let source = Source { file, develops: true, log: Some(log), ..source };
        serving::serve(source, false, Some(developer))
    }
}
