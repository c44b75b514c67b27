//! What keeps the buckets, and whether its file can be opened.

use std::time::Duration;

use patchboard_key_value::{BackendConfig, BucketConfig, Stores, Unusable};

use crate::config::Config;
use crate::handlers::grants::shared::{Around, Asked, Findings, News, Shared};
use crate::problem::Problem;
use crate::writable::may_write;

impl Shared for Stores {
    type Opened = ();

    fn new(around: &Around<'_>) -> Self {
        Self::new(around.data_dir)
    }

    fn try_out(&self, asked: &Asked<'_>, findings: &mut Findings) {
        let troubles = self.try_redises(granted(asked.config));
        findings.unknown.extend(troubles.into_iter().map(|trouble| Problem::new("", trouble)));
        if !is_file_asked(asked.config) {
            return;
        }
        let path = self.path();
        match self.try_file() {
            Err(Unusable::Held(_)) if (asked.is_ours)(path) => {}
            Err(unusable) => findings.problems.push(Problem::new("", unusable.to_string())),
            Ok(()) => {
                if let Err(error) = may_write(path) {
                    let wrong = format!("cannot open the key-value file {}: {error}", path.display());
                    findings.problems.push(Problem::new("", wrong).remedy("correct `data` in [server]"));
                }
            }
        }
    }

    fn open(&self, asked: &Asked<'_>, _: Duration) -> Result<(), Vec<Problem>> {
        if !is_file_asked(asked.config) {
            return Ok(());
        }
        // Later, what is wrong with it would be told to guests only.
        self.open_file().map_err(|error| vec![Problem::new("", error.to_string())])
    }

    fn put(&self, (): (), asked: &Asked<'_>, _: &mut Vec<News>) {
        for bucket in granted(asked.config) {
            self.set_room(bucket);
            // Else the first who asks would be told first.
            self.look(bucket);
        }
    }

    fn close(&self) {
        Self::close(self);
    }
}

fn is_file_asked(config: &Config) -> bool {
    granted(config).any(|bucket| bucket.backend == BackendConfig::File)
}

fn granted(config: &Config) -> impl Iterator<Item = &BucketConfig> {
    config.handlers.values().flat_map(|handler| &handler.grants.key_value.buckets)
}
