//! The handlers folder: what is dropped in, changed or removed becomes the site.
//!
//! In: files, and who looks after them ([`crate::follow`]). Here: load what changed,
//! decide who has which route, swap the new site in, tell the old version to end.
//! Whatever fails leaves the old version serving, with one clear log line.

mod files;
mod reconfigure;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

pub use self::files::FileStamp;
use self::files::Stamp;
pub use self::reconfigure::Refused;
use crate::config::{self, Config, HandlerConfig};
use crate::handlers::{Handler, Loader, Routes};
use crate::site::{Current, Site, Taken};
use crate::static_files::Mount;

/// A file that changed less than this ago may still be being written.
pub const SETTLE: Duration = Duration::from_millis(50);
/// The longest component that is loaded, in bytes.
const LONGEST: u64 = 512 << 20;

/// The folder as it was last seen, and what runs.
#[derive(Debug, Clone)]
pub struct Folder {
    loader: Arc<Loader>,
    config: Config,
    mounts: Vec<Arc<Mount>>,
    entries: BTreeMap<String, Entry>,
    arrivals: u64,
}

/// What a look at the folder has found.
#[derive(Debug, Clone, Copy)]
pub struct Update {
    /// False where a file may still be being written.
    pub settled: bool,
    /// Whether anything was loaded, refused or removed.
    pub changed: bool,
}

/// A file and what became of it.
#[derive(Debug, Clone)]
struct Entry {
    stamp: Stamp,
    handler: Option<Arc<Handler>>,
    /// Of a handler that could not be loaded.
    claims: Routes,
    /// Lower wins a tie.
    arrival: u64,
    /// The version that serves again if this one fails in its first calls.
    before: Option<Arc<Handler>>,
}

impl Entry {
    fn new(stamp: Stamp, handler: Option<Arc<Handler>>, claims: Routes, arrival: u64) -> Self {
        Self { stamp, handler, claims, arrival, before: None }
    }
}

/// Something that is wrong with a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The handler; none where it is a route of another kind.
    pub handler: String,
    /// What is wrong, and what to do.
    pub reason: String,
    /// Whether the configuration names the handler: then the start fails.
    pub configured: bool,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.handler.as_str() {
            "" => f.write_str(&self.reason),
            handler => write!(f, "handler {handler}: {}", self.reason),
        }
    }
}

impl Folder {
    /// Loads everything that is there. Problems are for the caller to judge.
    pub fn load(loader: Arc<Loader>, config: Config, mounts: Vec<Arc<Mount>>) -> (Self, Site, Vec<Problem>) {
        let mut folder = Self { loader, config, mounts, entries: BTreeMap::new(), arrivals: 0 };
        let mut problems = Vec::new();
        let files = folder.scan(&mut problems);
        let loaded = folder.load_all(&files);
        for ((name, stamp), loaded) in files.iter().zip(loaded) {
            let entry = match loaded {
                Ok(handler) => Entry::new(*stamp, Some(handler), Routes::new(), 0),
                Err(failure) => {
                    problems.push(folder.problem(name, failure.reason));
                    Entry::new(*stamp, None, failure.claims, 0)
                }
            };
            folder.entries.insert(name.clone(), entry);
        }
        problems.extend(folder.without_file());
        let (site, taken) = folder.site();
        problems.extend(taken);
        folder.arrivals = 1;
        (folder, site, problems)
    }

    /// The handlers that are loaded.
    pub fn handlers(&self) -> impl Iterator<Item = &Arc<Handler>> {
        self.entries.values().filter_map(|entry| entry.handler.as_ref())
    }

    /// The configuration it was made from.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Its static mounts.
    pub fn mounts(&self) -> &[Arc<Mount>] {
        &self.mounts
    }

    /// Sets what is done when a version has failed, so that somebody calls
    /// [`Folder::update`].
    pub fn on_alarm(&self, alarm: impl Fn() + Send + Sync + 'static) {
        self.loader.engine().set_alarm(Box::new(alarm));
    }

    /// Loads what changed and swaps it in.
    pub fn update(&mut self, current: &Current) -> Update {
        self.roll_back(current);
        let mut problems = Vec::new();
        let files = self.scan(&mut problems);
        let now = SystemTime::now();
        let mut update = Update { settled: true, changed: false };
        for (name, stamp) in &files {
            if self.entries.get(name).is_some_and(|entry| entry.stamp == *stamp) {
                continue;
            }
            if stamp.is_younger_than(SETTLE, now) {
                update.settled = false;
                continue;
            }
            self.replace(name, *stamp, current);
            update.changed = true;
        }
        let removed: Vec<String> =
            self.entries.keys().filter(|name| !files.contains_key(*name)).cloned().collect();
        for name in removed {
            self.remove(&name, current);
            update.changed = true;
        }
        update
    }

    fn replace(&mut self, name: &str, stamp: Stamp, current: &Current) {
        let old = self.entries.get(name).cloned();
        let loaded = self.load_one(name);
        let arrival = old.as_ref().map_or_else(|| self.next_arrival(), |old| old.arrival);
        let before = old.as_ref().and_then(|old| old.handler.clone());
        match loaded {
            Ok(handler) if before.as_ref().is_some_and(|before| before.is_same(&handler)) => {
                // Touched, not changed.
                self.set_stamp(name, stamp);
            }
            Ok(handler) => {
                let mut entry = Entry::new(stamp, Some(handler.clone()), Routes::new(), arrival);
                if before.is_some() {
                    handler.health().put_on_probation();
                    entry.before.clone_from(&before);
                }
                self.entries.insert(name.to_owned(), entry);
                let (site, taken) = self.site();
                let Some(taken) = taken.into_iter().find(|problem| problem.handler == name) else {
                    current.store(Arc::new(site));
                    log_loaded(&handler);
                    if let Some(before) = before {
                        before.supersede();
                    }
                    return;
                };
                tracing::error!("{taken}{}", kept(before.as_ref()));
                if let Some(before) = before {
                    let entry = Entry::new(stamp, Some(before), Routes::new(), arrival);
                    self.entries.insert(name.to_owned(), entry);
                } else {
                    current.store(Arc::new(self.site().0));
                }
            }
            Err(failure) => {
                tracing::error!("handler {name}: {}{}", failure.reason, kept(before.as_ref()));
                let keep = before.is_some();
                let mut entry = Entry::new(stamp, before, failure.claims, arrival);
                entry.before = old.and_then(|old| old.before);
                self.entries.insert(name.to_owned(), entry);
                if !keep {
                    current.store(Arc::new(self.site().0));
                }
            }
        }
    }

    /// Puts the version before in the place of each that has failed in its first calls.
    fn roll_back(&mut self, current: &Current) {
        let mut changed = false;
        for (name, entry) in &mut self.entries {
            let Some(handler) = &entry.handler else { continue };
            if handler.health().is_on_probation() {
                continue;
            }
            let Some(before) = entry.before.take() else { continue };
            if handler.health().is_condemned() {
                tracing::error!(
                    handler = %name,
                    digest = handler.digest(),
                    "trapped in its first calls; version {} serves again, until the file changes",
                    before.digest()
                );
                handler.supersede();
                before.reinstate();
                entry.handler = Some(before);
                changed = true;
            }
        }
        if changed {
            current.store(Arc::new(self.site().0));
        }
    }

    fn remove(&mut self, name: &str, current: &Current) {
        let Some(entry) = self.entries.remove(name) else { return };
        // A handler that had to wait for one of these routes may have it now.
        let (site, _) = self.site();
        current.store(Arc::new(site));
        tracing::info!(handler = name, "removed");
        if let Some(handler) = entry.handler {
            handler.supersede();
        }
    }

    fn set_stamp(&mut self, name: &str, stamp: Stamp) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.stamp = stamp;
        }
    }

    fn next_arrival(&mut self) -> u64 {
        self.arrivals += 1;
        self.arrivals
    }

    /// Who has which route: the host's own answers, mounts and configured routes
    /// first, then the incumbents, then by name.
    fn site(&self) -> (Site, Vec<Problem>) {
        let mut site = Site::new(self.config.server.slashes);
        let mut problems = Vec::new();
        let mut refuse = |what: String, taken: Taken| {
            let reason = format!("{what} {taken}");
            problems.push(Problem { handler: String::new(), reason, configured: true });
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
                        problems.push(Problem {
                            handler: name.clone(),
                            reason: taken.to_string(),
                            configured,
                        });
                        unavailable.push((name, handler.routes()));
                    }
                }
            }
        }
        for (name, claims) in unavailable {
            site.unavailable(name, claims);
        }
        (site, problems)
    }

    /// Handlers that only the configuration knows.
    fn without_file(&self) -> Vec<Problem> {
        let names = self.config.handlers.keys().filter(|name| !self.path(name).is_file());
        let reason = |name: &String| {
            format!("[handlers.{name}] is configured, but there is no file {}", self.path(name).display())
        };
        names.map(|name| self.problem(name, reason(name))).collect()
    }

    fn has_configured_routes(&self, name: &str) -> bool {
        self.config.handlers.get(name).is_some_and(|handler| handler.routes.is_some())
    }

    fn scan(&self, problems: &mut Vec<Problem>) -> BTreeMap<String, Stamp> {
        let mut files = BTreeMap::new();
        let Some(dir) = &self.config.server.handlers_dir else { return files };
        let listing = match std::fs::read_dir(dir) {
            Ok(listing) => listing,
            Err(error) => {
                tracing::error!(%error, folder = %dir.display(), "cannot read the handlers folder");
                // Not a reason to take everything away.
                return self.entries.iter().map(|(name, entry)| (name.clone(), entry.stamp)).collect();
            }
        };
        for file in listing.filter_map(Result::ok) {
            let path = file.path();
            if path.extension().is_none_or(|extension| extension != "wasm") {
                continue;
            }
            let Some(name) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
            if name.starts_with('.') {
                continue;
            }
            if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
                let reason =
                    "the name of the file may have letters, digits, `-`, `_` and `.` only; rename it";
                problems.push(self.problem(name, reason.to_owned()));
                continue;
            }
            // A file that has just gone is none.
            if let Some(stamp) = Stamp::of(&path) {
                files.insert(name.to_owned(), stamp);
            }
        }
        files
    }

    /// As many at once as there are threads that compile.
    fn load_all(&self, files: &BTreeMap<String, Stamp>) -> Vec<Result<Arc<Handler>, Failure>> {
        let names: Vec<&String> = files.keys().collect();
        names.into_par_iter().map(|name| self.load_one(name)).collect()
    }

    fn load_one(&self, name: &str) -> Result<Arc<Handler>, Failure> {
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
                .map_err(|error| fail(error.to_string()))?;
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

    fn problem(&self, name: &str, reason: String) -> Problem {
        let configured = self.config.handlers.contains_key(name);
        Problem { handler: name.to_owned(), reason, configured }
    }
}

struct Failure {
    reason: String,
    claims: Routes,
}

impl Failure {
    fn panicked() -> Self {
        Self { reason: "the compiler failed on it; please report this".to_owned(), claims: Routes::new() }
    }
}

fn kept(before: Option<&Arc<Handler>>) -> &'static str {
    if before.is_some() { "; the version before goes on serving" } else { "; its routes answer 503" }
}

/// The line that says which version runs from now on.
pub fn log_loaded(handler: &Handler) {
    let routes = handler.routes().iter().map(|claim| claim.route.to_string()).collect::<Vec<_>>().join(", ");
    tracing::info!(
        handler = handler.name(),
        digest = handler.digest(),
        kind = %handler.kind(),
        isolation = %handler.isolation(),
        routes,
        "loaded"
    );
}
