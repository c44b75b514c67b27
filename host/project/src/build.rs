//! `patchboard build`: compiles the handlers of a project, and puts the components where the
//! server looks for them. What has not changed is left as it is, so that nothing is loaded anew.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::project::Project;
use crate::toolchain;

/// Arguments of `build`.
#[derive(Debug, Default, Args)]
pub struct Build {
    /// The handlers to build [default: all of the project]
    names: Vec<String>,
    /// The folder that the components go to [default: that of patchboard.toml, else handlers]
    #[arg(long, value_name = "DIR")]
    handlers: Option<PathBuf>,
    /// Compile by the profile `release`, which is the default
    #[arg(long, conflicts_with = "debug")]
    release: bool,
    /// Compile by the profile `dev`: sooner, larger, slower, with the lines of a panic's backtrace
    #[arg(long)]
    debug: bool,
}

impl Build {
    /// Builds them, and prints what was made.
    ///
    /// # Errors
    ///
    /// What is missing, or that cargo has failed and said why.
    pub fn run(&self) -> Result<()> {
        let project = Project::open(&self.names, self.handlers.as_deref())?;
        toolchain::ensure_target(project.root())?;
        let made = project.build(if self.debug { "dev" } else { "release" })?;
        made.iter().for_each(|made| println!("{made}"));
        Ok(())
    }
}
