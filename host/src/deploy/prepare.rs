//! Finding everything that is wrong with a configuration, whoever is to serve it.
//!
//! A [`Judge`] reads it and goes on as far as it makes sense: where a section is not as it
//! was meant, what depends on it is not judged, as its problems would be made up.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::folder::{Folder, Made, Unsettled};
use super::refused::Refused;
use crate::config::{Config, DEFAULT_LISTEN, Reading, Source};
use crate::handlers::{Asked, Engine, Findings, Loader, Outside};
use crate::problem::Problem;
use crate::server;
use crate::site::Site;
use crate::static_files::{Memory, Mount};
use crate::telemetry::Destination;
use crate::writable::{folder_of, may_write};

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
    /// What came of trying what handlers are granted.
    pub(super) granted: Findings,
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
        let granted = self.grants(loader.engine(), is_ours);
        let made =
            Folder::first(loader, self.config.clone(), mounts, |section| self.reading.is_certain(section));
        self.conclude(made, memory, granted, strict)
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
        let granted = self.grants(before.engine(), |_| false);
        let made = before.next(self.config.clone(), mounts, |section| self.reading.is_certain(section));
        self.conclude(made, memory, granted, strict)
    }

    /// The routes alone, and what was tolerated.
    pub(super) fn routes(mut self, loader: Arc<Loader>) -> Result<(Site, Vec<Problem>), Refused> {
        let memory = Arc::new(Memory::new(&self.config.server.static_memory));
        let mounts = self.mounts(&memory);
        let made =
            Folder::first(loader, self.config.clone(), mounts, |section| self.reading.is_certain(section));
        let next = self.conclude(made, memory, Findings::default(), false)?;
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

    /// What handlers are granted; `is_ours` says of a file that somebody has open whether
    /// that is a server of this configuration.
    fn grants(&mut self, engine: &Engine, is_ours: impl Fn(&Path) -> bool) -> Findings {
        let is_certain = |section: &str| self.reading.is_certain(section);
        let asked = Asked { config: &self.config, is_certain: &is_certain, is_ours: &is_ours };
        let mut findings = engine.grants().try_out(&asked);
        self.problems.append(&mut findings.problems);
        findings
    }

    fn conclude(
        mut self,
        made: Result<Made, Unsettled>,
        memory: Arc<Memory>,
        granted: Findings,
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
            true => Ok(Next { folder, site, memory, tolerated, granted }),
            false => Err(Refused::Problems(self.problems)),
        }
    }
}
