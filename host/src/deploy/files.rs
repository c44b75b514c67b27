//! Files: how they are seen to change.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// A file that changed less than this ago may still be being written.
pub const SETTLE: Duration = Duration::from_millis(50);

/// When two are equal, the file and the settings beside it have not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    component: FileStamp,
    settings: Option<FileStamp>,
}

/// When two are equal, the file has not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp {
    inode: u64,
    length: u64,
    modified: SystemTime,
}

impl Stamp {
    /// Of the component at `path` and the settings beside it, if it is there.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let component = FileStamp::of(path)?;
        Some(Self { component, settings: FileStamp::of(&path.with_extension("toml")) })
    }

    pub(super) fn is_younger_than(&self, age: Duration, now: SystemTime) -> bool {
        let of = |file: &FileStamp| file.is_younger_than(age, now);
        of(&self.component) || self.settings.as_ref().is_some_and(of)
    }
}

impl FileStamp {
    /// Of the file at `path`, if it is there.
    pub fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().as_ref().map(Self::from)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether it was written to so short a time ago that more may follow.
    pub fn is_younger_than(&self, age: Duration, now: SystemTime) -> bool {
        // A time in the future says nothing of when it was written.
        now.duration_since(self.modified).is_ok_and(|elapsed| elapsed < age)
    }
}

impl From<&Metadata> for FileStamp {
    fn from(metadata: &Metadata) -> Self {
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        Self { inode: metadata.ino(), length: metadata.len(), modified }
    }
}
