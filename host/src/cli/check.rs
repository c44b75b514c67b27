//! `patchboard check`: everything that `serve` would find, and nothing tolerated.

use anyhow::bail;
use clap::Args;

use super::site;
use super::source::SourceArgs;
use crate::config::Config;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    source: SourceArgs,
}

impl Check {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let config = Config::load(&self.source.source(&[], false))?;
        let loaded = site::load(&config)?;
        let problems: Vec<_> = loaded.fatal.into_iter().chain(loaded.tolerable).collect();
        if !problems.is_empty() {
            bail!("{}", problems.join("\n"));
        }
        for handler in loaded.folder.handlers() {
            println!("handler {} {} ({})", handler.name(), handler.digest(), handler.kind());
            for claim in handler.routes() {
                println!("  {}", claim.route);
            }
        }
        for mount in &config.mounts {
            println!("static mount {}/ from {}", mount.prefix, mount.dir.display());
        }
        Ok(())
    }
}
