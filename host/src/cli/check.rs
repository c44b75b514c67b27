//! `patchboard check`: everything that `serve` would find, and nothing tolerated.

use clap::Args;

use super::source::ServerArgs;
use crate::deploy;
use crate::printable::printable;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    server: ServerArgs,
}

impl Check {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let checked = deploy::check(&self.server.source(false))?;
        for problem in checked.odd().iter().chain(checked.unknown()) {
            eprintln!("warning: {problem}");
        }
        for handler in checked.handlers() {
            println!("handler {} {} ({})", handler.name(), handler.digest(), handler.kind());
            for claim in handler.routes() {
                println!("  {}", printable(&claim.route.to_string()));
            }
        }
        for mount in &checked.config().mounts {
            println!("static mount {}/ from {}", mount.prefix, mount.dir.display());
        }
        checked.pending().iter().for_each(|change| println!("{}", printable(change)));
        Ok(())
    }
}
