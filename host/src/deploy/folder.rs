//! The handlers folder as a site: which versions there are, and who has which route.
//!
//! A [`Folder`] is made beside the one before, of a configuration and the files that are
//! there, and takes its place as a whole, or not at all. Handlers whose file and
//! configuration are the same are the same in both, and so are their instances.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use super::files::{SETTLE, Stamp};
use crate::config::{self, Config, HandlerConfig};
use crate::handlers::{Engine, Handler, Loader, Routes};
use crate::name::check_name;
use crate::problem::Problem;
use crate::site::{Site, Taken};
use crate::static_files::Mount;

/// The longest component that is loaded, in bytes.
const LONGEST: u64 = 512 << 20;

/// The folder as it was last seen, and what runs.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub(super) loader: Arc<Loader>,
    pub(super) config: Config,
    pub(super) mounts: Vec<Arc<Mount>>,
    pub(super) entries: BTreeMap<String, Entry>,
    arrivals: u64,
}

/// A file and what became of it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) stamp: Stamp,
    pub(super) handler: Option<Arc<Handler>>,
    /// Of a handler that could not be loaded.
    pub(super) claims: Routes,
    /// Lower wins a tie.
    pub(super) arrival: u64,
    /// The version that serves again if this one fails in its first calls.
    pub(super) before: Option<Arc<Handler>>,
}

/// A problem with a handler, or where there is none, with a route of another kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) handler: Option<String>,
    pub(super) problem: Problem,
    /// Whether it concerns what the configuration names.
    pub(super) configured: bool,
}

/// A folder, what it serves, and what is wrong with it.
pub(super) struct Made {
    pub(super) folder: Folder,
    pub(super) site: Site,
    pub(super) faults: Vec<Fault>,
}

/// A component that is needed may still be being written.
pub(super) struct Unsettled;

/// Why a component could not be loaded, and the routes that it would have.
pub(super) struct Failure {
    pub(super) reason: String,
    pub(super) claims: Routes,
}

impl Entry {
    pub(super) fn new(stamp: Stamp, handler: Option<Arc<Handler>>, claims: Routes, arrival: u64) -> Self {
        Self { stamp, handler, claims, arrival, before: None }
    }
}

impl Folder {
    /// The first, of everything that is there. What `is_certain` denies of the
    /// configuration's sections is left out.
    pub(super) fn first(
        loader: Arc<Loader>,
        config: Config,
        mounts: Vec<Arc<Mount>>,
        is_certain: impl Fn(&str) -> bool,
    ) -> Result<Made, Unsettled> {
        Self { loader, config, mounts, entries: BTreeMap::new(), arrivals: 0 }.fill(None, is_certain)
    }

    /// The one that takes the place of this one. What is broken in files that neither
    /// configuration names is left to [`Folder::update`].
    pub(super) fn next(
        &self,
        config: Config,
        mounts: Vec<Arc<Mount>>,
        is_certain: impl Fn(&str) -> bool,
    ) -> Result<Made, Unsettled> {
        Self { config, mounts, ..self.clone() }.fill(Some(self), is_certain)
    }

    fn fill(mut self, before: Option<&Self>, is_certain: impl Fn(&str) -> bool) -> Result<Made, Unsettled> {
        let mut faults = Vec::new();
        let is_certain = |name: &String| is_certain(&format!("handlers.{name}"));
        let scanned = self.scan(&mut faults);
        if before.is_some() {
            faults.clear();
        }
        match &scanned {
            Ok(_) => faults.extend(self.without_file()),
            Err(error) => faults.extend(self.unreadable(error)),
        }
        let mut files = scanned.unwrap_or_default();
        if let Some(before) = before {
            files.retain(|name, stamp| before.is_other_in(&self, name, stamp));
            let now = SystemTime::now();
            if files.values().any(|stamp| stamp.is_younger_than(SETTLE, now)) {
                return Err(Unsettled);
            }
        }
        files.retain(|name, _| is_certain(name));
        self.entries.retain(|name, _| is_certain(name));
        for ((name, stamp), loaded) in files.iter().zip(self.load_all(&files)) {
            let arrival = match (self.entries.get(name), before) {
                (Some(entry), _) => entry.arrival,
                (None, Some(_)) => self.next_arrival(),
                (None, None) => 0,
            };
            // Without the version before: it may have what is granted no more.
            let entry = match loaded {
                Ok(handler) => Entry::new(*stamp, Some(handler), Routes::new(), arrival),
                Err(failure) => {
                    let fault = self.fault(name, failure.reason);
                    // One that has served is not taken away by another configuration.
                    faults.push(Fault { configured: fault.configured || before.is_some(), ..fault });
                    Entry::new(*stamp, None, failure.claims, arrival)
                }
            };
            self.entries.insert(name.clone(), entry);
        }
        self.arrivals = self.arrivals.max(1);
        let (site, taken) = self.site();
        let known = before.map(|before| before.site().1).unwrap_or_default();
        faults.extend(taken.into_iter().filter(|fault| fault.configured || !known.contains(fault)));
        Ok(Made { folder: self, site, faults })
    }

    /// Whether `next` has to load a handler anew: its configuration has changed, or
    /// the configuration names it, and what there is of it now is not loaded.
    fn is_other_in(&self, next: &Self, name: &str, stamp: &Stamp) -> bool {
        let loaded = self.entries.get(name).is_some_and(|entry| entry.stamp == *stamp);
        let broken = self.entries.get(name).is_none_or(|entry| entry.handler.is_none());
        self.handler_config(name) != next.handler_config(name)
            || next.config.handlers.contains_key(name) && (!loaded || broken)
    }

    pub(super) fn engine(&self) -> &Arc<Engine> {
        self.loader.engine()
    }

    /// The handlers that are loaded.
    pub(super) fn handlers(&self) -> impl Iterator<Item = &Arc<Handler>> {
        self.entries.values().filter_map(|entry| entry.handler.as_ref())
    }

    pub(super) fn has(&self, handler: &Arc<Handler>) -> bool {
        self.handlers().any(|own| Arc::ptr_eq(own, handler))
    }

    pub(super) fn next_arrival(&mut self) -> u64 {
        self.arrivals += 1;
        self.arrivals
    }

    /// Who has which route: the host's own answers, mounts and configured routes
    /// first, then the incumbents, then by name.
    pub(super) fn site(&self) -> (Site, Vec<Fault>) {
        let mut site = Site::new(self.config.server.slashes);
        let mut faults = Vec::new();
        let mut refuse = |what: String, taken: Taken| {
            let problem = Problem::new("", format!("{what} {taken}"));
            faults.push(Fault { handler: None, problem, configured: true });
        };
        // First, so that a redirect may stand at the prefix of a mount.
        for answer in &self.config.answers {
            site.answer(answer).unwrap_or_else(|taken| refuse(answer.answer.to_string(), taken));
        }
        for mount in &self.mounts {
            let what = || format!("static mount `{}/`", mount.prefix());
            site.mount(mount).unwrap_or_else(|taken| refuse(what(), taken));
        }
        let mut order: Vec<_> = self.entries.iter().collect();
        order.sort_by_key(|(name, entry)| (!self.has_configured_routes(name), entry.arrival, *name));
        let mut unavailable = Vec::new();
        for (name, entry) in order {
            match &entry.handler {
                None => unavailable.push((name, &entry.claims)),
                Some(handler) => {
                    if let Err(taken) = site.handler(handler) {
                        let configured = self.has_configured_routes(name);
                        faults.push(Fault { configured, ..self.fault(name, taken.to_string()) });
                        unavailable.push((name, handler.routes()));
                    }
                }
            }
        }
        for (name, claims) in unavailable {
            site.unavailable(name, claims);
        }
        (site, faults)
    }

    /// Handlers that only the configuration knows.
    fn without_file(&self) -> Vec<Fault> {
        let names = self.config.handlers.keys().filter(|name| !self.path(name).is_file());
        let reason = |name: &String| {
            format!("[handlers.{name}] is configured, but there is no file {}", self.path(name).display())
        };
        names.map(|name| self.fault(name, reason(name))).collect()
    }

    fn has_configured_routes(&self, name: &str) -> bool {
        self.config.handlers.get(name).is_some_and(|handler| handler.routes.is_some())
    }

    /// The components that are there.
    pub(super) fn scan(&self, faults: &mut Vec<Fault>) -> io::Result<BTreeMap<String, Stamp>> {
        let mut files = BTreeMap::new();
        let Some(dir) = &self.config.server.handlers_dir else { return Ok(files) };
        for file in std::fs::read_dir(dir)?.filter_map(Result::ok) {
            let path = file.path();
            if path.extension().is_none_or(|extension| extension != "wasm") {
                continue;
            }
            let Some(name) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
            if name.starts_with('.') {
                continue;
            }
            if let Err(reason) = check_name("a handler", name) {
                faults.push(self.fault(name, format!("{reason}; rename the file")));
                continue;
            }
            // A file that has just gone is none.
            if let Some(stamp) = Stamp::of(&path) {
                files.insert(name.to_owned(), stamp);
            }
        }
        Ok(files)
    }

    /// As many at once as there are threads that compile.
    fn load_all(&self, files: &BTreeMap<String, Stamp>) -> Vec<Result<Arc<Handler>, Failure>> {
        let names: Vec<&String> = files.keys().collect();
        names.into_par_iter().map(|name| self.load_one(name)).collect()
    }

    pub(super) fn load_one(&self, name: &str) -> Result<Arc<Handler>, Failure> {
        // A bug that one component finds in the compiler is no reason to lose the others.
        catch_unwind(AssertUnwindSafe(|| self.try_load(name))).unwrap_or_else(|_| Err(Failure::panicked()))
    }

    fn try_load(&self, name: &str) -> Result<Arc<Handler>, Failure> {
        let path = self.path(name);
        let fail = |reason: String| Failure { reason, claims: Routes::new() };
        let length = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
        if length > LONGEST {
            return Err(fail(format!("{} is longer than {LONGEST} bytes", path.display())));
        }
        let bytes =
            std::fs::read(&path).map_err(|error| fail(format!("cannot read {}: {error}", path.display())))?;
        let mut config = self.handler_config(name);
        if config.routes.is_none() {
            config.routes = config::read_handler_file(&path.with_extension("toml"))
                .map_err(|error| fail(one_line(&error)))?;
        }
        self.loader
            .load(name, &bytes, &config)
            .map_err(|error| Failure { reason: error.to_string(), claims: error.claims })
    }

    fn handler_config(&self, name: &str) -> HandlerConfig {
        self.config.handlers.get(name).cloned().unwrap_or_default()
    }

    fn path(&self, name: &str) -> PathBuf {
        let dir = self.config.server.handlers_dir.as_deref().unwrap_or(Path::new(""));
        dir.join(format!("{name}.wasm"))
    }

    fn fault(&self, name: &str, reason: String) -> Fault {
        let configured = self.config.handlers.contains_key(name);
        let problem = Problem::new(format!("handler {name}"), reason);
        Fault { handler: Some(name.to_owned()), problem, configured }
    }

    /// That there is none, the configuration has said.
    fn unreadable(&self, error: &io::Error) -> Option<Fault> {
        let dir = self.config.server.handlers_dir.as_ref().filter(|dir| dir.is_dir())?;
        let wrong = format!("cannot read the handlers folder {}: {error}", dir.display());
        let problem = Problem::new("", wrong).remedy("correct its rights, or `handlers` in [server]");
        Some(Fault { handler: None, problem, configured: true })
    }
}

impl Failure {
    fn panicked() -> Self {
        Self { reason: "the compiler failed on it; please report this".to_owned(), claims: Routes::new() }
    }
}

/// All that is wrong with a handler's file, as one problem of the handler.
fn one_line(error: &config::ConfigError) -> String {
    error.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
