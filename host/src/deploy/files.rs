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
///
/// Its length and the time of its last change are not enough: `cp -p`, `rsync` and `tar` set
/// the time, also to that of the version before. The time that the kernel keeps of changes
/// (ctime) nobody sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: SystemTime,
    /// Seconds and nanoseconds since 1970.
    changed: (i64, i64),
}

impl Stamp {
    /// Of the component at `path` and the settings beside it, if it is there.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let component = FileStamp::of(path)?;
        Some(Self { component, settings: FileStamp::of(&path.with_extension("toml")) })
    }

    /// The component's, in bytes.
    pub(super) fn length(&self) -> u64 {
        self.component.length
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
        let (seconds, nanoseconds) = self.changed;
        let since = u64::try_from(seconds).ok().zip(u32::try_from(nanoseconds).ok());
        let changed = since.and_then(|(seconds, nanoseconds)| {
            SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds))
        });
        // A time in the future says nothing of when it was written.
        let is_young = |time: SystemTime| now.duration_since(time).is_ok_and(|elapsed| elapsed < age);
        is_young(self.modified) || changed.is_some_and(is_young)
    }
}

impl From<&Metadata> for FileStamp {
    fn from(metadata: &Metadata) -> Self {
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        Self { device: metadata.dev(), inode: metadata.ino(), length: metadata.len(), modified, changed }
    }
}
