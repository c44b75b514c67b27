//! Another configuration for a folder that is being served.
//!
//! The folder as the new configuration would have it is made beside the one that is
//! served, and takes its place as a whole, or not at all. Handlers whose file and
//! configuration are the same are the same in both, and so are their instances.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::{Entry, Folder, SETTLE, Stamp, log_loaded};
use crate::config::Config;
use crate::handlers::{Handler, Routes};
use crate::site::Current;
use crate::static_files::Mount;

/// Why a configuration was not taken.
#[derive(Debug)]
pub enum Refused {
    /// A component that it needs may still be being written; to be tried again.
    Unsettled,
    /// All that is wrong.
    Problems(Vec<String>),
}

impl Folder {
    /// Serves what `config` and `mounts` say from now on, unless there are `problems`.
    /// What is broken in files that the configuration does not name is left to
    /// [`Folder::update`].
    ///
    /// # Errors
    ///
    /// Why everything stays as it is.
    pub fn reconfigure(
        &mut self,
        config: Config,
        mounts: Vec<Arc<Mount>>,
        mut problems: Vec<String>,
        current: &Current,
    ) -> Result<(), Refused> {
        let mut next = Self { config, mounts, ..self.clone() };
        let files = next.scan(&mut Vec::new());
        let changed: BTreeMap<String, Stamp> =
            files.into_iter().filter(|(name, stamp)| self.is_other_in(&next, name, stamp)).collect();
        let now = SystemTime::now();
        if changed.values().any(|stamp| stamp.is_younger_than(SETTLE, now)) {
            return Err(Refused::Unsettled);
        }
        for ((name, stamp), loaded) in changed.iter().zip(next.load_all(&changed)) {
            match loaded {
                Ok(handler) => {
                    let arrival = match self.entries.get(name) {
                        Some(entry) => entry.arrival,
                        None => next.next_arrival(),
                    };
                    // Without the version before: it may have what is granted no more.
                    let entry = Entry::new(*stamp, Some(handler), Routes::new(), arrival);
                    next.entries.insert(name.clone(), entry);
                }
                Err(failure) => problems.push(next.problem(name, failure.reason).to_string()),
            }
        }
        problems.extend(next.without_file().iter().map(ToString::to_string));
        let (site, taken) = next.site();
        let (fatal, tolerable): (Vec<_>, Vec<_>) = taken.into_iter().partition(|problem| problem.configured);
        problems.extend(fatal.iter().map(ToString::to_string));
        if !problems.is_empty() {
            return Err(Refused::Problems(problems));
        }
        let known = self.site().1;
        for problem in tolerable.iter().filter(|problem| !known.contains(problem)) {
            tracing::error!("{problem}; its routes answer 503");
        }
        if next.config.databases != self.config.databases {
            let databases = next.loader.engine().databases();
            let failed = databases.configure(&next.config.databases);
            let (notices, problems) = databases.wait();
            notices.iter().for_each(|notice| tracing::info!("{notice}"));
            failed.iter().chain(&problems).for_each(|problem| tracing::error!("{problem}"));
        }
        current.store(Arc::new(site));
        next.handlers().filter(|handler| !self.has(handler)).for_each(|handler| log_loaded(handler));
        self.handlers().filter(|handler| !next.has(handler)).for_each(|handler| handler.supersede());
        *self = next;
        Ok(())
    }

    /// Whether `next` has to load a handler anew: its configuration has changed, or
    /// the configuration names it, and what there is of it now is not loaded.
    fn is_other_in(&self, next: &Self, name: &str, stamp: &Stamp) -> bool {
        let loaded = self.entries.get(name).is_some_and(|entry| entry.stamp == *stamp);
        let broken = self.entries.get(name).is_none_or(|entry| entry.handler.is_none());
        self.handler_config(name) != next.handler_config(name)
            || next.config.handlers.contains_key(name) && (!loaded || broken)
    }

    fn has(&self, handler: &Arc<Handler>) -> bool {
        self.handlers().any(|own| Arc::ptr_eq(own, handler))
    }
}
