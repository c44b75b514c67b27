//! `patchboard backup`: what handlers keep, copied beside the server or without one.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;

use super::source::ConfigArgs;
use crate::data;

/// Arguments of `backup`.
#[derive(Debug, Args)]
pub(super) struct Backup {
    #[command(flatten)]
    config: ConfigArgs,
    /// The folder to make
    #[arg(value_name = "DIR")]
    to: PathBuf,
}

impl Backup {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let (config, problems) = self.config.read()?;
        let made = data::back_up(&config, &self.to).map_err(|problem| anyhow!("{problem}"))?;
        for problem in problems.iter().chain(&made.missing) {
            eprintln!("warning: {problem}");
        }
        let (to, data) = (self.to.display(), config.server.data_dir.display());
        println!("{to}: a backup of {data} with {} files of {} bytes", made.files, made.bytes);
        Ok(())
    }
}
