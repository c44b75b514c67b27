//! Files and folders as they are made: a file with the folders that it needs, and a folder
//! that is there whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Writes `file`, in folders that are made if need be.
///
/// # Errors
///
/// Names the file.
pub(crate) fn write(file: &Path, text: &str) -> Result<()> {
    let folder = file.parent().unwrap_or(file);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(file, text))
        .with_context(|| format!("cannot write {}", file.display()))
}

/// Writes `file` beside its place and moves it there, so that nobody sees half of it.
///
/// # Errors
///
/// Names the file.
pub(crate) fn replace(file: &Path, content: &[u8]) -> Result<()> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    // No name that the server, which may look on, takes for a component's.
    let beside = file.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let written = fs::write(&beside, content).and_then(|()| fs::rename(&beside, file));
    if written.is_err() {
        fs::remove_file(&beside).ok();
    }
    written.with_context(|| format!("cannot write {}", file.display()))
}

/// A folder that is being made; what is not moved to its place is removed.
pub(crate) struct Staged(PathBuf);

impl Staged {
    /// An empty folder beside others of `parent`.
    ///
    /// # Errors
    ///
    /// Names `parent`, and what to do.
    pub(crate) fn new(parent: &Path) -> Result<Self> {
        let folder = parent.join(format!(".patchboard-new-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| {
            format!("cannot make a folder in {}; run this where you may write", parent.display())
        })?;
        Ok(Self(folder))
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Moves it to its place, where there is nothing, or an empty folder.
    ///
    /// # Errors
    ///
    /// If the place is taken.
    pub(crate) fn place(self, at: &Path) -> Result<()> {
        fs::rename(&self.0, at).with_context(|| format!("cannot make {}", at.display()))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // It is not there any more where it was moved.
        fs::remove_dir_all(&self.0).ok();
    }
}
