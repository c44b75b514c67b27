//! The files of the folder: how they are seen to change.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, SystemTime};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

/// When two are equal, the file and the settings beside it have not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    component: FileStamp,
    settings: Option<FileStamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileStamp {
    inode: u64,
    length: u64,
    modified: SystemTime,
}

/// Tells that something in the folder may have changed.
pub(super) struct Events {
    sender: Sender<()>,
    receiver: Receiver<()>,
    /// Absent where the file system has no events.
    _watcher: Option<RecommendedWatcher>,
}

impl Stamp {
    /// Of the component at `path` and the settings beside it, if it is there.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let component = FileStamp::from(&std::fs::metadata(path).ok()?);
        let settings = std::fs::metadata(path.with_extension("toml")).ok();
        Some(Self { component, settings: settings.as_ref().map(FileStamp::from) })
    }

    pub(super) fn is_younger_than(&self, age: Duration, now: SystemTime) -> bool {
        let latest =
            self.settings.map_or(self.component.modified, |s| s.modified.max(self.component.modified));
        // A time in the future says nothing of when it was written.
        now.duration_since(latest).is_ok_and(|elapsed| elapsed < age)
    }
}

impl From<&Metadata> for FileStamp {
    fn from(metadata: &Metadata) -> Self {
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        Self { inode: metadata.ino(), length: metadata.len(), modified }
    }
}

impl Events {
    pub(super) fn of(dir: &Path) -> Self {
        let (sender, receiver) = channel();
        let of_watcher = sender.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if !event.is_ok_and(|event| event.kind.is_access() && !is_end_of_writing(&event)) {
                of_watcher.send(()).ok();
            }
        });
        let watcher = watcher.and_then(|mut watcher| {
            watcher.watch(dir, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        if let Err(error) = &watcher {
            tracing::warn!(%error, folder = %dir.display(), "no file events; looking every few seconds");
        }
        Self { sender, receiver, _watcher: watcher.ok() }
    }

    /// What others may send to have the folder looked at.
    pub(super) fn sender(&self) -> Sender<()> {
        self.sender.clone()
    }

    /// Waits for an event, and takes those that came with it, or for `time`.
    pub(super) fn wait(&self, time: Duration) {
        self.receiver.recv_timeout(time).ok();
        while self.receiver.try_recv().is_ok() {}
    }
}

fn is_end_of_writing(event: &notify::Event) -> bool {
    use notify::event::{AccessKind, AccessMode, EventKind};
    matches!(event.kind, EventKind::Access(AccessKind::Close(AccessMode::Write)))
}
