//! Finding everything that is wrong with a configuration, whoever is to serve it.
//!
//! A [`Judge`] reads it and goes on as far as it makes sense: where a section is not as it
//! was meant, what depends on it is not judged, as its problems would be made up.

use std::path::Path;
use std::sync::Arc;

use super::folder::{Folder, Made, Unready};
use super::loads::Loads;
use super::refused::Refused;
use super::secure::Secure;
use crate::config::{Config, DEFAULT_LISTEN, Reading, Source};
use crate::data;
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
    pub(super) secure: Secure,
    /// What is wrong with files that were dropped in.
    pub(super) tolerated: Vec<Problem>,
    /// What is served otherwise than was meant, though nothing keeps it from being served.
    pub(super) odd: Vec<Problem>,
    /// What came of trying what handlers are granted.
    pub(super) granted: Findings,
}

/// What may be wrong with what is served all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tolerance {
    Nothing,
    /// What the configuration does not name.
    DroppedIn,
    /// Whatever it is of a handler: the next build may well put it right.
    Handlers,
}

impl Tolerance {
    fn of(strict: bool) -> Self {
        if strict { Self::Nothing } else { Self::DroppedIn }
    }
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
        if let Err(problem) = server::check_connections(self.config.server.connections) {
            self.problems.push(self.reading.placed("server.connections", problem));
        }
        self.problems.extend(data::check(&self.config.server.data_dir).err());
        self.access_log();
    }

    pub(super) fn access_log(&mut self) {
        let Some(path) = self.config.server.access_log_path() else { return };
        let writable = match folder_of(path).is_dir() {
            true => may_write(path),
            false => Err(rustix::io::Errno::NOENT.into()),
        };
        if let Err(error) = writable {
            let problem = Destination::refused(path, &error);
            self.problems.push(self.reading.placed("server.access_log_file", problem));
        }
    }

    /// A loader with an engine of its own.
    ///
    /// # Errors
    ///
    /// All that is wrong, where this machine cannot run it.
    pub(super) fn loader(&mut self, outside: Outside) -> Result<Arc<Loader>, Refused> {
        if let Err(problem) = server::check_threads(self.config.server.cores) {
            self.problems.push(self.reading.placed("server.cores", problem));
            return Err(Refused::Problems(std::mem::take(&mut self.problems)));
        }
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
        let secure = self.secure(None);
        let granted = self.grants(loader.engine(), is_ours);
        let made = Folder::first(
            loader,
            self.config.clone(),
            mounts,
            |section| self.reading.is_certain(section),
            None,
        );
        let tolerance = match self.config.server.develops {
            true => Tolerance::Handlers,
            false => Tolerance::of(strict),
        };
        self.conclude(made, (memory, secure), granted, tolerance)
    }

    /// Everything that is served in the place of `before`, with the handlers that were loaded
    /// for it.
    pub(super) fn next(
        mut self,
        (before, running): (&Folder, &Secure),
        memory: Arc<Memory>,
        strict: bool,
        loads: &mut Loads,
    ) -> Result<Next, Refused> {
        let mut mounts = self.mounts(&memory);
        for mount in &mut mounts {
            // What it remembers is kept.
            if let Some(running) = before.mounts.iter().find(|running| running.is_same(mount)) {
                mount.clone_from(running);
            }
        }
        let secure = self.secure(Some(running));
        let is_certain = |section: &str| self.reading.is_certain(section);
        // First, so that nothing is tried in vain.
        let made = match before.next(self.config.clone(), mounts, is_certain, loads) {
            Ok(made) => made,
            Err(Unready::Loading) => return Err(Refused::Loading),
            Err(Unready::Unsettled) if self.problems.is_empty() => return Err(Refused::Unsettled),
            Err(Unready::Unsettled) => return Err(Refused::Problems(self.problems)),
        };
        let granted = self.grants(before.engine(), |_| false);
        self.conclude(made, (memory, secure), granted, Tolerance::of(strict))
    }

    /// Everything that a test begins with: as the first, of what was `compiled` for it.
    pub(super) fn anew(mut self, loader: Arc<Loader>, compiled: &Folder) -> Result<Next, Refused> {
        let memory = Arc::new(Memory::new(&self.config.server.static_memory));
        let mounts = self.mounts(&memory);
        let is_certain = |section: &str| self.reading.is_certain(section);
        let made = Folder::first(loader, self.config.clone(), mounts, is_certain, Some(compiled));
        self.conclude(made, (memory, Secure::default()), Findings::default(), Tolerance::Nothing)
    }

    /// The routes alone, and what was tolerated.
    pub(super) fn routes(mut self, loader: Arc<Loader>) -> Result<(Site, Vec<Problem>), Refused> {
        let memory = Arc::new(Memory::new(&self.config.server.static_memory));
        let mounts = self.mounts(&memory);
        let made = Folder::first(
            loader,
            self.config.clone(),
            mounts,
            |section| self.reading.is_certain(section),
            None,
        );
        let next =
            self.conclude(made, (memory, Secure::default()), Findings::default(), Tolerance::DroppedIn)?;
        Ok((next.site, next.tolerated))
    }

    /// What TLS is spoken with; nothing where something is wrong with it.
    fn secure(&mut self, before: Option<&Secure>) -> Secure {
        let is_certain = ["tls", "certificate", "listener"].iter().all(|name| self.reading.is_certain(name));
        if !is_certain {
            return Secure::default();
        }
        Secure::load(&self.config.tls, before).unwrap_or_else(|wrong| {
            let placed = wrong.into_iter().map(|(name, problem)| self.reading.placed(&name, problem));
            self.problems.extend(placed);
            Secure::default()
        })
    }

    fn mounts(&mut self, memory: &Arc<Memory>) -> Vec<Arc<Mount>> {
        let mut mounts = Vec::new();
        for mount in &self.config.mounts {
            let placed = |problem| self.reading.placed(&format!("static {}", mount.prefix), problem);
            let was_missed = !mount.dir.is_dir() && !self.problems.is_empty();
            match Mount::open(mount.clone(), memory) {
                Ok(mount) => {
                    self.problems.extend(mount.check().err().map(placed));
                    mounts.push(Arc::new(mount));
                }
                // The configuration has said so.
                Err(_) if was_missed => {}
                Err(error) => self.problems.push(placed(Problem::new("", error.to_string()))),
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
        for problem in std::mem::take(&mut findings.problems) {
            let name = problem.place.strip_prefix("database ").map(|name| format!("sql.{name}"));
            self.problems.push(self.reading.placed(&name.unwrap_or_default(), problem));
        }
        findings
    }

    fn conclude(
        mut self,
        made: Made,
        (memory, secure): (Arc<Memory>, Secure),
        granted: Findings,
        tolerance: Tolerance,
    ) -> Result<Next, Refused> {
        let Made { folder, site, faults } = made;
        let mut tolerated = Vec::new();
        for fault in faults {
            let problem = match &fault.handler {
                Some(name) => self.reading.placed(&format!("handlers.{name}"), fault.problem),
                None => self.reading.placed(&fault.problem.place.clone(), fault.problem),
            };
            let is_tolerated = match tolerance {
                Tolerance::Nothing => false,
                Tolerance::DroppedIn => !fault.configured,
                Tolerance::Handlers => fault.handler.is_some(),
            };
            if is_tolerated { &mut tolerated } else { &mut self.problems }.push(problem);
        }
        let mut odd: Vec<_> = folder
            .mounts
            .iter()
            .flat_map(|mount| {
                let placed = |problem| self.reading.placed(&format!("static {}", mount.prefix()), problem);
                mount.missing_pages().into_iter().map(placed)
            })
            .collect();
        odd.extend(secure.odd().into_iter().map(|(name, problem)| self.reading.placed(&name, problem)));
        let unused = self
            .config
            .tables
            .unused(self.config.handlers.values().map(|handler| &handler.grants))
            .into_iter();
        odd.extend(unused.map(|problem| self.reading.placed(&problem.place.clone(), problem)));
        match self.problems.is_empty() {
            true => Ok(Next { folder, site, memory, secure, tolerated, odd, granted }),
            false => Err(Refused::Problems(self.problems)),
        }
    }
}
