//! Where the configuration is read from: the flags that several commands share.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::config::Source;

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
    pub(super) fn source(&self, listen: &[SocketAddr], dev: bool) -> Source {
        Source {
            file: self.config.clone(),
            listen: listen.to_vec(),
            handlers_dir: self.handlers.clone(),
            dev,
        }
    }
}
