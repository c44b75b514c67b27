//! Where a configuration comes from: what the commands that read one have in common.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::config::{Config, ConfigError, Source, parse_address};
use crate::problem::Problem;

#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    /// The configuration file [default: patchboard.toml, where there is one]
    #[arg(long, value_name = "FILE", env = "PATCHBOARD_CONFIG")]
    config: Option<PathBuf>,
}

impl ConfigArgs {
    /// What it says, and what is wrong with it beside `[server]`, such as secrets that only the
    /// server is given.
    pub(super) fn read(&self) -> anyhow::Result<(Config, Vec<Problem>)> {
        let mut reading = Config::read(&Source { file: self.config.clone(), ..Source::default() });
        match reading.config.take() {
            Some(config) if reading.is_certain("server") => Ok((config, reading.problems)),
            _ => Err(ConfigError(reading.problems).into()),
        }
    }
}

/// Likewise, with where the handlers are.
#[derive(Debug, Args)]
pub(super) struct SourceArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The folder that handlers are dropped into
    #[arg(long, value_name = "DIR")]
    handlers: Option<PathBuf>,
}

impl SourceArgs {
    pub(super) fn source(&self) -> Source {
        let (file, handlers_dir) = (self.config.config.clone(), self.handlers.clone());
        Source { file, handlers_dir, ..Source::default() }
    }
}

/// Likewise, with where a server listens.
#[derive(Debug, Args)]
pub(super) struct ServerArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// An address to listen on, any number of times; port 0 takes a free port [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    listen: Vec<SocketAddr>,
}

impl ServerArgs {
    pub(super) fn source(&self, dev: bool) -> Source {
        Source { listen: self.listen.clone(), dev, ..self.source.source() }
    }
}
