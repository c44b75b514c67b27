//! The handlers folder as a site: which versions there are, and who has which route.
//!
//! A [`Folder`] is made beside the one before, of a configuration and the files that are
//! there, and takes its place as a whole, or not at all. Handlers whose file and
//! configuration are the same are the same in both, and so are their instances.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use super::files::{SETTLE, Stamp};
use super::loads::{Failure, Loads, Order, Progress, load};
use crate::config::{Config, HandlerConfig};
use crate::handlers::{Engine, Handler, Loader, Routes, on_all_cpus};
use crate::name::check_name;
use crate::problem::Problem;
use crate::site::{Site, Taken};
use crate::static_files::Mount;
use crate::writable::may_read_folder;

/// The folder as it was last seen, and what runs.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub(super) loader: Arc<Loader>,
    pub(super) config: Config,
    pub(super) mounts: Vec<Arc<Mount>>,
    pub(super) entries: BTreeMap<String, Entry>,
    arrivals: u64,
    /// The handlers whose routes others have.
    pub(super) displaced: BTreeSet<String>,
    /// What is odd about names in it, as of the last look, and what of that was said.
    pub(super) odd: Vec<Fault>,
    pub(super) said: Vec<Fault>,
    /// Since when it cannot be read, and whether that was said.
    pub(super) unreadable: Option<(Instant, bool)>,
}

/// A file and what became of it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// As it was when it was loaded; none while the first is being loaded.
    pub(super) stamp: Option<Stamp>,
    pub(super) handler: Option<Arc<Handler>>,
    /// Of a handler that could not be loaded.
    pub(super) claims: Routes,
    /// Lower wins a tie.
    pub(super) arrival: u64,
    /// The version that serves again if this one fails in its first calls.
    pub(super) before: Option<Arc<Handler>>,
    /// Since when there is no file.
    pub(super) gone: Option<Instant>,
}

/// A problem with a handler, or where there is none, with a route of another kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) handler: Option<String>,
    pub(super) problem: Problem,
    /// Whether it concerns what the configuration names.
    pub(super) configured: bool,
    /// The handler that has the route.
    pub(super) holder: Option<String>,
}

/// A folder, what it serves, and what is wrong with it.
pub(super) struct Made {
    pub(super) folder: Folder,
    pub(super) site: Site,
    pub(super) faults: Vec<Fault>,
}

/// What has to be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unready {
    /// A component that is needed may still be being written.
    Unsettled,
    /// One is being loaded.
    Loading,
}

impl Entry {
    pub(super) fn new(
        stamp: Option<Stamp>,
        handler: Option<Arc<Handler>>,
        claims: Routes,
        arrival: u64,
    ) -> Self {
        Self { stamp, handler, claims, arrival, before: None, gone: None }
    }
}

impl Folder {
    /// The first, of everything that is there. What `is_certain` denies of the
    /// configuration's sections is left out, and what was `compiled` is not compiled again.
    pub(super) fn first(
        loader: Arc<Loader>,
        config: Config,
        mounts: Vec<Arc<Mount>>,
        is_certain: impl Fn(&str) -> bool,
        compiled: Option<&Self>,
    ) -> Made {
        let mut first = Self {
            loader,
            config,
            mounts,
            entries: BTreeMap::new(),
            arrivals: 0,
            displaced: BTreeSet::new(),
            odd: Vec::new(),
            said: Vec::new(),
            unreadable: None,
        };
        let mut faults = Vec::new();
        let scanned = first.scan(&mut faults);
        first.said.clone_from(&faults);
        match &scanned {
            Ok(_) => faults.extend(first.without_file()),
            Err(error) => faults.extend(first.cannot_be_read(error)),
        }
        let mut files = scanned.unwrap_or_default();
        files.retain(|name, _| is_certain(&section(name)));
        let loaded = first.load_all(&files, compiled);
        first.fill(None, files.into_iter().zip(loaded), faults)
    }

    /// The one that takes the place of this one. What is broken in files that neither
    /// configuration names is left to [`Folder::update`].
    pub(super) fn next(
        &self,
        config: Config,
        mounts: Vec<Arc<Mount>>,
        is_certain: impl Fn(&str) -> bool,
        loads: &mut Loads,
    ) -> Result<Made, Unready> {
        let mut next = Self { config, mounts, ..self.clone() };
        let mut faults = Vec::new();
        let mut files = match next.scan(&mut Vec::new()) {
            Ok(files) => files,
            Err(error) => {
                faults.extend(next.cannot_be_read(&error));
                BTreeMap::new()
            }
        };
        if faults.is_empty() {
            faults.extend(next.without_file());
            // It may be about to be replaced.
            let serves = |fault: &Fault| {
                let entry = fault.handler.as_ref().and_then(|name| self.entries.get(name));
                entry.is_some_and(|entry| entry.handler.is_some())
            };
            if faults.iter().any(serves) {
                return Err(Unready::Unsettled);
            }
        }
        files.retain(|name, stamp| self.is_other_in(&next, name, stamp));
        let now = SystemTime::now();
        if files.values().any(|stamp| stamp.is_younger_than(SETTLE, now)) {
            return Err(Unready::Unsettled);
        }
        files.retain(|name, _| is_certain(&section(name)));
        next.entries.retain(|name, _| is_certain(&section(name)));
        // All are begun, before any is waited for.
        let asked: Vec<_> = files
            .into_iter()
            .map(|(name, stamp)| {
                let progress = loads.ask(&next.loader, stamp, next.order(&name));
                ((name, stamp), progress)
            })
            .collect();
        let mut loaded = Vec::new();
        for (file, progress) in asked {
            let Progress::Done(result) = progress else { return Err(Unready::Loading) };
            loaded.push((file, result));
        }
        Ok(next.fill(Some(self), loaded.into_iter(), faults))
    }

    /// Takes in what was `loaded`, and says who has which route.
    fn fill(
        mut self,
        before: Option<&Self>,
        loaded: impl Iterator<Item = ((String, Stamp), Result<Arc<Handler>, Failure>)>,
        mut faults: Vec<Fault>,
    ) -> Made {
        for ((name, stamp), loaded) in loaded {
            let (name, stamp) = (&name, Some(stamp));
            let arrival = match (self.entries.get(name), before) {
                (Some(entry), _) => entry.arrival,
                (None, Some(_)) => self.next_arrival(),
                (None, None) => 0,
            };
            // Without the version before: it may have what is granted no more.
            let entry = match loaded {
                Ok(handler) => Entry::new(stamp, Some(handler), Routes::new(), arrival),
                Err(failure) => {
                    let fault = self.fault(name, failure.reason);
                    // One that has served is not taken away by another configuration.
                    faults.push(Fault { configured: fault.configured || before.is_some(), ..fault });
                    Entry::new(stamp, None, failure.claims, arrival)
                }
            };
            self.entries.insert(name.clone(), entry);
        }
        self.arrivals = self.arrivals.max(1);
        let (site, taken) = self.site();
        self.displaced = displaced(&taken);
        let known = before.map(|before| before.site().1).unwrap_or_default();
        faults.extend(taken.into_iter().filter(|fault| fault.configured || !known.contains(fault)));
        Made { folder: self, site, faults }
    }

    /// Whether `next` has to load a handler anew: its configuration has changed, or
    /// the configuration names it, and what there is of it now is not loaded.
    fn is_other_in(&self, next: &Self, name: &str, stamp: &Stamp) -> bool {
        let loaded = self.entries.get(name).is_some_and(|entry| entry.stamp == Some(*stamp));
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

    /// Those that serve in the next, though they did not have their routes here.
    pub(super) fn restored_in<'n>(&'n self, next: &'n Self) -> impl Iterator<Item = &'n Arc<Handler>> {
        let restored = self.displaced.difference(&next.displaced);
        restored.filter_map(|name| next.entries.get(name)?.handler.as_ref())
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
            faults.push(Fault { handler: None, problem, configured: true, holder: None });
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
                        let fault = self.fault(name, taken.to_string());
                        faults.push(Fault { configured, holder: taken.handler, ..fault });
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

    /// Handlers that only the configuration knows, and must not be missing.
    fn without_file(&self) -> Vec<Fault> {
        let wanted = self.config.handlers.iter().filter(|(_, handler)| !handler.is_optional);
        let names = wanted.map(|(name, _)| name).filter(|name| !self.path(name).exists());
        let reason = |name: &String| {
            let path = self.path(name);
            format!(
                "[handlers.{name}] is configured, but there is no file {}; put it there, or remove the table",
                path.display()
            )
        };
        names.map(|name| self.fault(name, reason(name))).collect()
    }

    fn has_configured_routes(&self, name: &str) -> bool {
        self.config.handlers.get(name).is_some_and(|handler| handler.routes.is_some())
    }

    /// The components that are there, and what is odd about names.
    pub(super) fn scan(&self, faults: &mut Vec<Fault>) -> io::Result<BTreeMap<String, Stamp>> {
        let mut files = BTreeMap::new();
        let Some(dir) = &self.config.server.handlers_dir else { return Ok(files) };
        may_read_folder(dir)?;
        for file in std::fs::read_dir(dir)?.filter_map(Result::ok) {
            let path = file.path();
            let ending = path.extension().unwrap_or_default();
            if !ending.eq_ignore_ascii_case("wasm") {
                continue;
            }
            let stem = path.file_stem().unwrap_or_default();
            let Some(name) = stem.to_str() else {
                let shown = stem.to_string_lossy();
                faults.push(
                    self.fault(&shown, "the name of its file is not UTF-8; rename the file".to_owned()),
                );
                continue;
            };
            if name.starts_with('.') {
                continue;
            }
            if let Err(reason) = check_name("a handler", name) {
                faults
                    .push(self.fault(&name.escape_debug().to_string(), format!("{reason}; rename the file")));
                continue;
            }
            if ending != "wasm" {
                let ending = ending.to_string_lossy();
                let wrong = format!("{name}.{ending} is not loaded; rename it to {name}.wasm");
                faults.push(self.fault(name, wrong));
                continue;
            }
            match Stamp::of(&path) {
                Some(stamp) => _ = files.insert(name.to_owned(), stamp),
                // A file that has just gone is none.
                None => faults.extend(std::fs::read_link(&path).ok().map(|to| {
                    let wrong =
                        format!("{} is a link to {}, which is not there", path.display(), to.display());
                    self.fault(name, format!("{wrong}; correct or remove it"))
                })),
            }
        }
        Ok(files)
    }

    /// As many at once as there are threads that compile; here, where nothing is to be compiled.
    fn load_all(
        &self,
        files: &BTreeMap<String, Stamp>,
        compiled: Option<&Self>,
    ) -> Vec<Result<Arc<Handler>, Failure>> {
        let names: Vec<&String> = files.keys().collect();
        let load = |name: &String| {
            let before = compiled.and_then(|compiled| compiled.entries.get(name)?.handler.clone());
            load(&self.loader, &Order { before, ..self.order(name) }, &|_| {})
        };
        match compiled {
            Some(_) => names.into_iter().map(load).collect(),
            None => on_all_cpus(|| names.into_par_iter().map(load).collect()),
        }
    }

    /// What there is to load of the handler `name`.
    pub(super) fn order(&self, name: &str) -> Order {
        Order {
            name: name.to_owned(),
            path: self.path(name),
            config: self.handler_config(name),
            before: self.entries.get(name).and_then(|entry| entry.handler.clone()),
        }
    }

    pub(super) fn is_configured(&self, name: &str) -> bool {
        self.config.handlers.contains_key(name)
    }

    fn handler_config(&self, name: &str) -> HandlerConfig {
        self.config.handler(name)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        let dir = self.config.server.handlers_dir.as_deref().unwrap_or(Path::new(""));
        dir.join(format!("{name}.wasm"))
    }

    pub(super) fn fault(&self, name: &str, reason: String) -> Fault {
        let problem = Problem::new(format!("handler {name}"), reason);
        Fault { handler: Some(name.to_owned()), problem, configured: self.is_configured(name), holder: None }
    }

    /// That there is none, the configuration has said.
    fn cannot_be_read(&self, error: &io::Error) -> Option<Fault> {
        let dir = self.config.server.handlers_dir.as_ref().filter(|dir| dir.is_dir())?;
        let wrong = format!("cannot read the handlers folder {}: {error}", dir.display());
        let problem =
            Problem::new("server.handlers", wrong).remedy("correct its rights, or `handlers` in [server]");
        Some(Fault { handler: None, problem, configured: true, holder: None })
    }
}

/// The section of the configuration that a handler has.
fn section(name: &str) -> String {
    format!("handlers.{name}")
}

/// The handlers that do not have their routes.
pub(super) fn displaced(faults: &[Fault]) -> BTreeSet<String> {
    faults.iter().filter_map(|fault| fault.handler.clone()).collect()
}
