//! What wakes the thread that follows: file events, and requests to reload.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, SystemTime};

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

/// Asks for the configuration to be read anew.
#[derive(Debug, Clone)]
pub struct Reload(Sender<Event>);

impl Reload {
    /// Returns at once; what comes of it is in the log.
    pub fn request(&self) {
        // Nobody follows any more at the end of the process.
        self.0.send(Event::Reload).ok();
    }
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Files,
    Reload,
}

/// What has happened, and what to be told of.
#[derive(Debug)]
pub struct Events {
    sender: Sender<Event>,
    receiver: Receiver<Event>,
    watcher: Option<RecommendedWatcher>,
    /// The folders that are watched: another may take the place of one.
    watched: Option<Vec<Watched>>,
}

/// A folder's path, and which folder that is, where there is one: device, inode, and since
/// when, as a folder that is made anew may have the inode of the one before.
type Watched = (PathBuf, Option<(u64, u64, Option<SystemTime>)>);

impl Default for Events {
    fn default() -> Self {
        let (sender, receiver) = channel();
        Self { sender, receiver, watcher: None, watched: None }
    }
}

impl Events {
    /// What others may call to have the folder looked at.
    pub fn look(&self) -> impl Fn() + Send + Sync + 'static {
        let sender = self.sender.clone();
        move || {
            // Nobody follows any more at the end of the process.
            sender.send(Event::Files).ok();
        }
    }

    /// For who may ask for a reload.
    pub fn reload(&self) -> Reload {
        Reload(self.sender.clone())
    }

    /// Tells of everything in `folder`, and of `file`. It is the folder of the file
    /// that is watched, since editors put another file in its place. Does nothing where
    /// these are watched already.
    pub(super) fn watch(&mut self, folder: Option<&Path>, file: &Path) {
        // As events name them.
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let (folder, file) = (folder.map(absolute), absolute(file));
        let folders: BTreeSet<_> =
            folder.iter().map(PathBuf::as_path).chain(file.parent()).map(Path::to_owned).collect();
        let identity = |folder: &PathBuf| {
            let found = fs::metadata(folder).ok()?;
            Some((found.dev(), found.ino(), found.created().ok()))
        };
        let watched = Some(folders.iter().map(|folder| (folder.clone(), identity(folder))).collect());
        if watched == self.watched {
            return;
        }
        self.watched = watched;
        let sender = self.sender.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.map_or(true, |event| matters(&event, folder.as_deref(), &file)) {
                sender.send(Event::Files).ok();
            }
        });
        let watching = watcher.and_then(|mut watcher| {
            for folder in folders.iter().filter(|folder| folder.is_dir()) {
                watcher.watch(folder, RecursiveMode::NonRecursive)?;
            }
            self.watcher = Some(watcher);
            Ok(())
        });
        if let Err(error) = watching {
            tracing::warn!(%error, "no file events; looking every few seconds");
        }
    }

    /// Waits for something to happen, and takes what came with it, or for `time`; true
    /// where a reload was asked for.
    pub(super) fn wait(&self, time: Duration) -> bool {
        let first = self.receiver.recv_timeout(time);
        let all = first.into_iter().chain(self.receiver.try_iter());
        all.fold(false, |asked, event| asked | matches!(event, Event::Reload))
    }
}

/// Not reading, and of the files beside the configuration only itself: there may be
/// logs among them.
fn matters(event: &notify::Event, folder: Option<&Path>, file: &Path) -> bool {
    let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
    let concerns = |path: &PathBuf| path == file || folder.is_some_and(|folder| path.starts_with(folder));
    (!event.kind.is_access() || event.kind == written)
        && (event.need_rescan() || event.paths.iter().any(concerns))
}
