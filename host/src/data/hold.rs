//! Who holds the data folder. Servers and backups hold it together, a restore alone.
//!
//! It is the kernel's lock of the folder itself, so it ends with its process, whatever ends
//! that, and nothing can be stale.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::problem::Problem;

/// Where a restore collects what it moves to its place when all of it is there.
const UNFINISHED: &str = ".patchboard-restore";

/// The folder is held as long as this lives.
#[derive(Debug)]
pub struct Hold {
    _folder: File,
}

impl Hold {
    /// Holds `data` with others, unless something is being restored; none where there is no
    /// such folder.
    ///
    /// # Errors
    ///
    /// If something is being restored into it, or was not to the end.
    pub fn share(data: &Path) -> Result<Option<Self>, Problem> {
        let Ok(folder) = File::open(data) else { return Ok(None) };
        let named = |wrong: &str| Problem::new("", format!("the data folder {}: {wrong}", data.display()));
        match lock(&folder, FlockOperation::NonBlockingLockShared) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(named("a backup is being restored into it").remedy("start when that is done"));
            }
            // A file system without locks has no restores, either.
            _ => {}
        }
        if unfinished(data).exists() {
            return Err(named("a restore into it was not finished").remedy("run `patchboard restore` again"));
        }
        Ok(Some(Self { _folder: folder }))
    }

    /// Holds `data` alone.
    pub(super) fn alone(data: &Path) -> Result<Self, Problem> {
        let fail = |error: io::Error| match error.kind() {
            io::ErrorKind::WouldBlock => Problem::new(
                "",
                format!("the data folder {} is in use by a server or a backup", data.display()),
            )
            .remedy("stop that first, or correct `data` in [server]"),
            _ => super::cannot("hold", data, &error),
        };
        let folder = File::open(data).map_err(fail)?;
        lock(&folder, FlockOperation::NonBlockingLockExclusive).map_err(fail)?;
        Ok(Self { _folder: folder })
    }
}

/// Whether a server may hold `data`.
///
/// # Errors
///
/// Why it may not.
pub fn check(data: &Path) -> Result<(), Problem> {
    Hold::share(data).map(drop)
}

/// What a restore into `data` has not moved to its place yet.
pub(super) fn unfinished(data: &Path) -> PathBuf {
    data.join(UNFINISHED)
}

fn lock(folder: &File, operation: FlockOperation) -> io::Result<()> {
    Ok(flock(folder, operation)?)
}
