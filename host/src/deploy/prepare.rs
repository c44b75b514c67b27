//! Finding everything that is wrong with a configuration, whoever is to serve it.
//!
//! A [`Judge`] reads it and goes on as far as it makes sense: where a section is not as it
//! was meant, what depends on it is not judged, as its problems would be made up.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use patchboard_key_value::Unusable;
use patchboard_sql::{Backend, Trial};

use super::files::{folder_of, may_make_in, may_write};
use super::folder::{Folder, Made, Unsettled};
use super::refused::Refused;
use crate::config::{Config, DEFAULT_LISTEN, Reading, Source};
use crate::handlers::{Engine, Loader, Outside};
use crate::problem::Problem;
use crate::server;
use crate::site::Site;
use crate::static_files::{Memory, Mount};
use crate::telemetry::Destination;

/// What is wrong so far with a configuration.
pub(super) struct Judge {
    pub(super) config: Config,
    reading: Reading,
    problems: Vec<Problem>,
}

/// What is served next, if nobody finds anything wrong at the last moment.
pub(super) struct Next {
    pub(super) folder: Folder,
    pub(super) site: Site,
    pub(super) memory: Arc<Memory>,
    /// What is wrong with files that were dropped in.
    pub(super) tolerated: Vec<Problem>,
    /// What came of trying the databases that are new or have changed.
    trials: BTreeMap<String, Trial>,
}

impl Judge {
    /// Reads the configuration that `source` names.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, if nothing more can be said.
    pub(super) fn read(source: &Source) -> Result<Self, Refused> {
        let mut reading = Config::read(source);
        let problems = std::mem::take(&mut reading.problems);
        match reading.config.take() {
            Some(config) => Ok(Self { config, reading, problems }),
            None => Err(Refused::Problems(problems)),
        }
    }

    pub(super) fn add(&mut self, problems: impl IntoIterator<Item = Problem>) {
        self.problems.extend(problems);
    }

    /// Whether the addresses are those that were meant.
    pub(super) fn judges_addresses(&self) -> bool {
        self.reading.is_certain("server") || self.config.server.listen != [DEFAULT_LISTEN]
    }

    /// What it asks of this machine.
    pub(super) fn machine(&mut self) {
        server::raise_open_files();
        self.problems.extend(server::check_connections(self.config.server.connections).err());
        self.access_log();
    }

    pub(super) fn access_log(&mut self) {
        let Some(path) = self.config.server.access_log_path() else { return };
        let writable = match folder_of(path).is_dir() {
            true => may_write(path),
            false => Err(io::ErrorKind::NotFound.into()),
        };
        self.problems.extend(writable.map_err(|error| Destination::refused(path, &error)).err());
    }

    /// A loader with an engine of its own.
    ///
    /// # Errors
    ///
    /// All that is wrong, where this machine cannot run it.
    pub(super) fn loader(&mut self, outside: Outside) -> Result<Arc<Loader>, Refused> {
        let loader = Engine::build(&self.config, outside).and_then(Loader::new);
        loader.map(Arc::new).map_err(|error| {
            self.problems.push(Problem::new("", format!("{error:#}")));
            Refused::Problems(std::mem::take(&mut self.problems))
        })
    }

    /// Everything that a server begins with, where nothing is served yet.
    pub(super) fn first(
        mut self,
        loader: Arc<Loader>,
        strict: bool,
        is_ours: impl Fn(&Path) -> bool,
    ) -> Result<Next, Refused> {
        let memory = Arc::new(Memory::new(&self.config.server.static_memory));
        let mounts = self.mounts(&memory);
        let trials = self.stores(loader.engine(), is_ours);
        let made =
            Folder::first(loader, self.config.clone(), mounts, |section| self.reading.is_certain(section));
        self.conclude(made, memory, trials, strict)
    }

    /// Everything that is served in the place of `before`.
    pub(super) fn next(
        mut self,
        before: &Folder,
        memory: Arc<Memory>,
        strict: bool,
    ) -> Result<Next, Refused> {
        let mut mounts = self.mounts(&memory);
        for mount in &mut mounts {
            // What it remembers is kept.
            if let Some(running) = before.mounts.iter().find(|running| running.is_same(mount)) {
                mount.clone_from(running);
            }
        }
        let trials = self.stores(before.engine(), |_| false);
        let made = before.next(self.config.clone(), mounts, |section| self.reading.is_certain(section));
        self.conclude(made, memory, trials, strict)
    }

    /// The routes alone, and what was tolerated.
    pub(super) fn routes(mut self, loader: Arc<Loader>) -> Result<(Site, Vec<Problem>), Refused> {
        let memory = Arc::new(Memory::new(&self.config.server.static_memory));
        let mounts = self.mounts(&memory);
        let made =
            Folder::first(loader, self.config.clone(), mounts, |section| self.reading.is_certain(section));
        let next = self.conclude(made, memory, BTreeMap::new(), false)?;
        Ok((next.site, next.tolerated))
    }

    fn mounts(&mut self, memory: &Arc<Memory>) -> Vec<Arc<Mount>> {
        let mut mounts = Vec::new();
        for mount in &self.config.mounts {
            let was_missed = !mount.dir.is_dir() && !self.problems.is_empty();
            match Mount::open(mount.clone(), memory) {
                Ok(mount) => mounts.push(Arc::new(mount)),
                // The configuration has said so.
                Err(_) if was_missed => {}
                Err(error) => self.problems.push(Problem::new("", error.to_string())),
            }
        }
        mounts
    }

    /// What is kept in databases and in the file of buckets; `is_ours` says of a file that
    /// somebody has open whether that is a server of this configuration.
    fn stores(&mut self, engine: &Engine, is_ours: impl Fn(&Path) -> bool) -> BTreeMap<String, Trial> {
        let mut trials = BTreeMap::new();
        for (name, config) in &self.config.tables.sql {
            if !self.reading.is_certain(&format!("sql.{name}")) {
                continue;
            }
            let Some(trial) = engine.databases().try_out(name, config) else { continue };
            let place = format!("database {name}");
            if let Trial::Wrong(problem) = &trial {
                self.problems.push(Problem::new(place, problem.clone()));
            } else if let Backend::Sqlite(path) = &config.backend
                && let Err(error) = may_write(path)
            {
                let wrong = format!("cannot open {}: {error}", path.display());
                self.problems
                    .push(Problem::new(place, wrong).remedy("correct `path`, or `data` in [server]"));
            }
            trials.insert(name.clone(), trial);
        }
        let folders = self.config.handlers.values().flat_map(|handler| &handler.grants.blob.folders);
        for folder in folders.filter(|folder| folder.writable || !folder.dir.is_dir()) {
            if let Err(error) = may_make_in(&folder.dir) {
                let wrong = format!("cannot keep objects in {}: {error}", folder.dir.display());
                let problem = Problem::new(format!("blob folder {}", folder.name), wrong);
                self.problems.push(problem.remedy("correct `dir`, or `data` in [server]"));
            }
        }
        if self.config.handlers.values().any(|handler| handler.grants.key_value.keeps_in_file()) {
            let path = engine.stores().path();
            match engine.stores().try_file() {
                Err(Unusable::Held(_)) if is_ours(path) => {}
                Err(unusable) => self.problems.push(Problem::new("", unusable.to_string())),
                Ok(()) => {
                    let wrong = |error| format!("cannot open the key-value file {}: {error}", path.display());
                    let writable = may_write(path).map_err(wrong);
                    let problem = writable
                        .map_err(|wrong| Problem::new("", wrong).remedy("correct `data` in [server]"));
                    self.problems.extend(problem.err());
                }
            }
        }
        trials
    }

    fn conclude(
        mut self,
        made: Result<Made, Unsettled>,
        memory: Arc<Memory>,
        trials: BTreeMap<String, Trial>,
        strict: bool,
    ) -> Result<Next, Refused> {
        let Made { folder, site, faults } = match made {
            Ok(made) => made,
            Err(Unsettled) if self.problems.is_empty() => return Err(Refused::Unsettled),
            Err(Unsettled) => return Err(Refused::Problems(self.problems)),
        };
        let mut tolerated = Vec::new();
        for fault in faults {
            if fault.configured || strict { &mut self.problems } else { &mut tolerated }.push(fault.problem);
        }
        match self.problems.is_empty() {
            true => Ok(Next { folder, site, memory, tolerated, trials }),
            false => Err(Refused::Problems(self.problems)),
        }
    }
}

impl Next {
    /// The databases that have to be changed first, with the migrations that do it.
    pub(super) fn pending(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.trials.iter().filter_map(|(name, trial)| match trial {
            Trial::Fits(pending) if !pending.is_empty() => Some((name.as_str(), pending.as_slice())),
            _ => None,
        })
    }

    /// What could not be told of databases.
    pub(super) fn unknown(&self) -> Vec<Problem> {
        let unknown = |(name, trial): (&String, &Trial)| match trial {
            Trial::Unknown(reason) => Some(Problem::new(format!("database {name}"), reason.clone())),
            _ => None,
        };
        self.trials.iter().filter_map(unknown).collect()
    }
}
