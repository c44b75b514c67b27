//! What is dropped in, changed or removed while the server runs.
//!
//! In: files, and who looks after them ([`crate::follow`]). Here: load what changed, swap
//! the new site in, tell the old version to end. Whatever fails leaves the old version
//! serving, with one clear log line.

use std::sync::Arc;
use std::time::SystemTime;

use super::files::{SETTLE, Stamp};
use super::folder::{Entry, Folder};
use crate::handlers::{Handler, Routes};
use crate::site::Current;

/// What a look at the folder has found.
#[derive(Debug, Clone, Copy)]
pub struct Update {
    /// False where a file may still be being written.
    pub settled: bool,
    /// Whether anything was loaded, refused or removed.
    pub changed: bool,
}

impl Folder {
    /// Loads what changed and swaps it in.
    pub(super) fn update(&mut self, current: &Current) -> Update {
        self.roll_back(current);
        let files = self.scan(&mut Vec::new()).unwrap_or_else(|error| {
            let folder = self.config.server.handlers_dir.as_deref().unwrap_or_else(|| "".as_ref());
            tracing::error!(%error, folder = %folder.display(), "cannot read the handlers folder");
            // Not a reason to take everything away.
            self.entries.iter().map(|(name, entry)| (name.clone(), entry.stamp)).collect()
        });
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
                let Some(taken) = taken.into_iter().find(|fault| fault.handler.as_deref() == Some(name))
                else {
                    current.store(Arc::new(site));
                    log_loaded(&handler);
                    if let Some(before) = before {
                        before.supersede();
                    }
                    return;
                };
                tracing::error!("{}{}", taken.problem, kept(before.as_ref()));
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
        instances = handler.most_instances(),
        routes,
        "loaded"
    );
}
