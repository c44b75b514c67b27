//! Where a configuration comes from: what the commands that read one have in common.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::config::{Source, parse_address};

#[derive(Debug, Args)]
pub(super) struct SourceArgs {
    /// The configuration file [default: patchboard.toml, where there is one]
    #[arg(long, value_name = "FILE", env = "PATCHBOARD_CONFIG")]
    config: Option<PathBuf>,
    /// The folder that handlers are dropped into
    #[arg(long, value_name = "DIR")]
    handlers: Option<PathBuf>,
}

impl SourceArgs {
    pub(super) fn source(&self) -> Source {
        let (file, handlers_dir) = (self.config.clone(), self.handlers.clone());
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
