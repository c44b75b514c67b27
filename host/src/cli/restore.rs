//! `patchboard restore`: a backup, put where a server finds it.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;

use super::source::ConfigArgs;
use crate::data;
use crate::printable::printable;

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub(super) struct Restore {
    #[command(flatten)]
    config: ConfigArgs,
    /// The folder that `patchboard backup` has made
    #[arg(value_name = "DIR")]
    from: PathBuf,
}

impl Restore {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let data = self.config.read()?.0.server.data_dir;
        let restored = data::restore(&self.from, &data).map_err(|problem| anyhow!("{problem}"))?;
        let data::Restored { files, bytes, made } = restored;
        let made = printable(&made);
        println!("{}: restored {files} files of {bytes} bytes, of the backup of {made}", data.display());
        Ok(())
    }
}
