//! Files: how they are seen to change, and whether they may be written.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{Access, access};

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

/// Whether the file at `path` may be written, or made with the folders it needs; changes
/// nothing.
pub(super) fn may_write(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => Ok(access(path, Access::WRITE_OK)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => may_make_in(folder_of(path)),
        Err(error) => Err(error),
    }
}

/// The folder that a file at `path` is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether files may be made in `folder`, or it may be made itself.
pub(super) fn may_make_in(folder: &Path) -> io::Result<()> {
    match fs::metadata(folder) {
        Ok(found) if !found.is_dir() => Err(io::ErrorKind::NotADirectory.into()),
        Ok(_) => Ok(access(folder, Access::WRITE_OK | Access::EXEC_OK)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound && folder.parent().is_some() => {
            may_make_in(folder_of(folder))
        }
        Err(error) => Err(error),
    }
}
