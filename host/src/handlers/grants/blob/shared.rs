//! The blob folders that are open, and whether those that are asked can be.

use std::time::Duration;

use patchboard_blob::{FolderConfig, Folders};

use crate::config::Config;
use crate::handlers::grants::shared::{Around, Asked, Findings, Shared};
use crate::problem::Problem;
use crate::writable::may_make_in;

impl Shared for Folders {
    type Opened = ();

    fn new(_: &Around<'_>) -> Self {
        Self::default()
    }

    fn try_out(&self, asked: &Asked<'_>, findings: &mut Findings) {
        for folder in granted(asked.config).filter(|folder| folder.writable || !folder.dir.is_dir()) {
            if let Err(error) = may_make_in(&folder.dir) {
                let wrong = format!("cannot keep objects in {}: {error}", folder.dir.display());
                findings.problems.push(problem(folder, wrong).remedy("correct `dir`, or `data` in [server]"));
            }
        }
    }

    fn open(&self, asked: &Asked<'_>, _: Duration) -> Result<(), Vec<Problem>> {
        let open = |folder| self.open(folder).err().map(|error| problem(folder, error.to_string()));
        let wrong: Vec<_> = granted(asked.config).filter_map(open).collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}

fn granted(config: &Config) -> impl Iterator<Item = &FolderConfig> {
    config.handlers.values().flat_map(|handler| &handler.grants.blob.folders)
}

fn problem(folder: &FolderConfig, wrong: String) -> Problem {
    Problem::new(format!("blob folder {}", folder.name), wrong)
}
