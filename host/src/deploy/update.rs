//! What is dropped in, changed or removed while the server runs.
//!
//! In: files, and who looks after them ([`crate::follow`]). Here: have what changed loaded,
//! swap the new site in, tell the old version to end. Whatever fails leaves the old version
//! serving, with one clear log line, written once it is so. Most tools replace a file by removing it first, so who
//! has lost its file serves on for a moment, and for as long as another is being loaded.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::files::{SETTLE, Stamp};
use super::folder::{Entry, Fault, Folder, displaced};
use super::loads::{Failure, Loads, Progress};
use crate::handlers::{Claim, Handler, Routes};
use crate::site::Current;

/// How long a handler serves on without its file, and how long a folder may be away before
/// that is said.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// What has become of a handler whose file was there to be loaded.
#[derive(Debug, Clone)]
pub struct Change {
    /// Its name.
    pub handler: String,
    /// Why it is not served; none where it is.
    pub refused: Option<String>,
}

/// What a look at the folder has found.
#[derive(Debug, Clone)]
pub struct Update {
    /// False where a file may still be being written.
    pub settled: bool,
    /// Whether anything was loaded, refused or removed.
    pub changed: bool,
    /// What was loaded or refused.
    pub changes: Vec<Change>,
    /// When there is something to do at the latest.
    pub due: Option<Duration>,
}

impl Default for Update {
    /// Nothing.
    fn default() -> Self {
        Self { settled: true, changed: false, changes: Vec::new(), due: None }
    }
}

impl Folder {
    /// Has loaded what changed, and swaps in what is there.
    pub(super) fn update(&mut self, current: &Current, loads: &mut Loads) -> Update {
        let mut update = Update::default();
        self.roll_back(current);
        let mut odd = Vec::new();
        let files = match self.scan(&mut odd) {
            Ok(files) => files,
            Err(error) => {
                // Not a reason to take everything away.
                update.due = self.note_unreadable(&error);
                return update;
            }
        };
        if let Some((_, true)) = self.unreadable.take() {
            tracing::info!("the handlers folder can be read again");
        }
        self.say_odd(odd);
        for (name, entry) in &mut self.entries {
            match files.contains_key(name) {
                true => entry.gone = None,
                false => _ = entry.gone.get_or_insert_with(Instant::now),
            }
        }
        let now = SystemTime::now();
        // Whether something has come whose routes are yet to be read.
        let mut unknown = false;
        for (name, stamp) in files {
            if self.entries.get(&name).is_some_and(|entry| entry.stamp == Some(stamp)) {
                continue;
            }
            if stamp.is_younger_than(SETTLE, now) {
                update.settled = false;
                continue;
            }
            let loader = self.loader.clone();
            match loads.ask(&loader, stamp, self.order(&name)) {
                Progress::Done(loaded) => {
                    let refused = self.replace(&name, stamp, loaded, current);
                    update.changes.push(Change { handler: name, refused });
                    update.changed = true;
                }
                Progress::Compiling(claims) => self.expect(&name, claims, current),
                Progress::Begun => unknown = true,
            }
        }
        let lost = |entry: &Entry| entry.gone.map(|since| GRACE.saturating_sub(since.elapsed()));
        let gone: Vec<_> =
            self.entries.iter().filter_map(|(name, entry)| Some((name.clone(), lost(entry)?))).collect();
        for (name, left) in gone {
            match left {
                // An event tells what becomes of that.
                Duration::ZERO if unknown || self.is_awaited(&name) => {}
                Duration::ZERO => update.changed |= self.remove(&name, current),
                _ => update.due = Some(update.due.map_or(left, |due| due.min(left))),
            }
        }
        update
    }

    /// Whether what is being loaded is to have the routes of this one, as after `mv`.
    fn is_awaited(&self, name: &str) -> bool {
        let Some(handler) = self.entries.get(name).and_then(|entry| entry.handler.as_ref()) else {
            return false;
        };
        let has = |claim: &Claim| handler.routes().iter().any(|own| own.route == claim.route);
        let mut loading = self.entries.values().filter(|entry| entry.stamp.is_none() && entry.gone.is_none());
        loading.any(|entry| entry.claims.iter().any(has))
    }

    /// Says that the folder cannot be read once it is more than a moment; gives when that is.
    fn note_unreadable(&mut self, error: &io::Error) -> Option<Duration> {
        let (since, said) = self.unreadable.get_or_insert_with(|| (Instant::now(), false));
        let left = GRACE.saturating_sub(since.elapsed());
        if left.is_zero() && !*said {
            *said = true;
            let folder = self.config.server.handlers_dir.as_deref().unwrap_or_else(|| "".as_ref());
            tracing::error!(
                %error,
                folder = %folder.display(),
                "cannot read the handlers folder; what was loaded serves on; correct its rights, or put it back"
            );
        }
        (!left.is_zero()).then_some(left)
    }

    /// Says once what is odd about names that were there at two looks: a tool may only be
    /// on its way.
    fn say_odd(&mut self, odd: Vec<Fault>) {
        self.said.retain(|fault| odd.contains(fault));
        for fault in &odd {
            if self.odd.contains(fault) && !self.said.contains(fault) {
                tracing::error!("{}", fault.problem);
                self.said.push(fault.clone());
            }
        }
        self.odd = odd;
    }

    /// Lets the routes of a handler that compiles for the first time answer 503.
    fn expect(&mut self, name: &str, claims: Routes, current: &Current) {
        match self.entries.get_mut(name) {
            Some(entry) if entry.handler.is_some() || entry.claims == claims => return,
            Some(entry) => entry.claims = claims,
            None => {
                let arrival = self.next_arrival();
                self.entries.insert(name.to_owned(), Entry::new(None, None, claims, arrival));
            }
        }
        self.serve(current);
    }

    /// Serves what there is now, and says who has its routes again; gives who has not.
    fn serve(&mut self, current: &Current) -> Vec<Fault> {
        let (site, faults) = self.site();
        current.store(Arc::new(site));
        let before = std::mem::replace(&mut self.displaced, displaced(&faults));
        for name in before.difference(&self.displaced) {
            if let Some(handler) = self.entries.get(name).and_then(|entry| entry.handler.as_ref()) {
                log_restored(handler);
            }
        }
        faults
    }

    /// Likewise, and says who has lost its routes.
    fn serve_rest(&mut self, current: &Current) {
        let before = self.displaced.clone();
        let faults = self.serve(current);
        let is_new = |fault: &&Fault| fault.handler.as_ref().is_some_and(|name| !before.contains(name));
        for fault in faults.iter().filter(is_new) {
            tracing::error!("{}; its routes answer 503", fault.problem);
        }
    }

    /// Gives why it is not served, where it is not.
    fn replace(
        &mut self,
        name: &str,
        stamp: Stamp,
        loaded: Result<Arc<Handler>, Failure>,
        current: &Current,
    ) -> Option<String> {
        let old = self.entries.get(name).cloned();
        let arrival = old.as_ref().map_or_else(|| self.next_arrival(), |old| old.arrival);
        let before = old.as_ref().and_then(|old| old.handler.clone());
        let stamp = Some(stamp);
        match loaded {
            Ok(handler) if before.as_ref().is_some_and(|before| before.is_same(&handler)) => {
                // Touched, not changed.
                if let Some(entry) = self.entries.get_mut(name) {
                    entry.stamp = stamp;
                }
                None
            }
            Ok(handler) => {
                let mut entry = Entry::new(stamp, Some(handler.clone()), Routes::new(), arrival);
                // Who develops it is to see the traps of the version that was just built.
                if before.is_some() && !self.config.server.develops {
                    handler.health().put_on_probation();
                    entry.before.clone_from(&before);
                }
                self.entries.insert(name.to_owned(), entry);
                let left = self.take_routes_of_the_gone(name);
                let taken =
                    self.serve(current).into_iter().find(|fault| fault.handler.as_deref() == Some(name));
                for left in left {
                    tracing::info!(handler = left.name(), "removed; its routes are those of {name} now");
                    left.supersede();
                }
                let Some(taken) = taken else {
                    log_loaded(&handler);
                    if let Some(before) = before {
                        before.supersede();
                    }
                    return None;
                };
                let kept = kept(before.as_ref());
                if let Some(before) = before {
                    let entry = Entry::new(stamp, Some(before), Routes::new(), arrival);
                    self.entries.insert(name.to_owned(), entry);
                    self.serve(current);
                }
                tracing::error!("{}{kept}", taken.problem);
                Some(taken.problem.to_string())
            }
            Err(failure) => {
                let (keep, kept) = (before.is_some(), kept(before.as_ref()));
                let mut entry = Entry::new(stamp, before, failure.claims, arrival);
                entry.before = old.and_then(|old| old.before);
                self.entries.insert(name.to_owned(), entry);
                if !keep {
                    self.serve_rest(current);
                }
                tracing::error!("handler {name}: {}{kept}", failure.reason);
                Some(format!("handler {name}: {}", failure.reason))
            }
        }
    }

    /// Removes those whose routes the handler `name` claims, and whose files are gone: it has
    /// come in their place, as after `mv`.
    fn take_routes_of_the_gone(&mut self, name: &str) -> Vec<Arc<Handler>> {
        let mut left = Vec::new();
        loop {
            let taken = self.site().1.into_iter().find(|fault| fault.handler.as_deref() == Some(name));
            let Some(holder) = taken.and_then(|taken| taken.holder) else { return left };
            if self.entries.get(&holder).is_none_or(|entry| entry.gone.is_none()) {
                return left;
            }
            left.extend(self.entries.remove(&holder).and_then(|entry| entry.handler));
        }
    }

    /// Puts the version before in the place of each that has failed in its first calls.
    pub(super) fn roll_back(&mut self, current: &Current) {
        let mut back = Vec::new();
        for entry in self.entries.values_mut() {
            let Some(handler) = &entry.handler else { continue };
            if handler.health().is_on_probation() {
                continue;
            }
            let Some(before) = entry.before.take() else { continue };
            if handler.health().is_condemned() {
                handler.supersede();
                before.reinstate();
                let condemned = entry.handler.replace(before.clone());
                back.extend(condemned.zip(Some(before)));
            }
        }
        if !back.is_empty() {
            self.serve_rest(current);
        }
        for (condemned, before) in back {
            tracing::error!(
                handler = condemned.name(),
                digest = condemned.digest(),
                "trapped in its first calls; version {} serves again, until the file changes",
                before.digest()
            );
        }
    }

    /// Removes a handler whose file is gone; but one that is configured is still meant to be
    /// there. Whether that is news.
    fn remove(&mut self, name: &str, current: &Current) -> bool {
        let is_configured = self.is_configured(name);
        let (path, place) = (self.path(name), self.fault(name, String::new()).problem.place);
        let Some(entry) = self.entries.get_mut(name) else { return false };
        if is_configured && entry.handler.is_none() {
            return false;
        }
        let handler = entry.handler.take();
        if is_configured {
            entry.claims = handler.as_ref().map(|handler| handler.routes().clone()).unwrap_or_default();
            (entry.stamp, entry.before) = (None, None);
        } else {
            self.entries.remove(name);
        }
        // A handler that had to wait for one of these routes may have it now.
        self.serve_rest(current);
        match is_configured {
            true => tracing::error!(
                "{place}: {} is gone; its routes answer 503; put it back, or remove [handlers.{name}]",
                path.display()
            ),
            false => tracing::info!(handler = name, "removed"),
        }
        if let Some(handler) = handler {
            handler.supersede();
        }
        true
    }
}

fn kept(before: Option<&Arc<Handler>>) -> &'static str {
    if before.is_some() { "; the version before goes on serving" } else { "; its routes answer 503" }
}

/// The line that says that a handler has its routes again.
pub(super) fn log_restored(handler: &Handler) {
    tracing::info!(handler = handler.name(), routes = shown(handler), "serves: its routes are free now");
}

/// The line that says which version runs from now on.
pub fn log_loaded(handler: &Handler) {
    tracing::info!(
        handler = handler.name(),
        digest = handler.digest(),
        kind = %handler.kind(),
        isolation = %handler.isolation(),
        instances = handler.most_instances(),
        tenant = handler.tenant_name(),
        routes = shown(handler),
        seconds = %format_args!("{:.1}", handler.load_time().as_secs_f64()),
        "loaded"
    );
}

fn shown(handler: &Handler) -> String {
    handler.routes().iter().map(|claim| claim.route.to_string()).collect::<Vec<_>>().join(", ")
}
