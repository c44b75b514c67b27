//! Where a folder is, and how it is open there.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::root::Root;
use crate::{Error, Limits};

/// A folder as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderConfig {
    /// Its name.
    pub name: String,
    /// Where its objects are.
    pub dir: PathBuf,
    /// What it may hold.
    pub limits: Limits,
    /// How long a step may take: waiting for a permit, a look-up, a read, a write.
    pub timeout: Duration,
    /// Whether its objects may be put and deleted.
    pub writable: bool,
}

/// A folder that is open, or is opened when it is needed, and again after that failed.
#[derive(Debug)]
pub(crate) struct Place {
    dir: PathBuf,
    root: Mutex<Option<Arc<Root>>>,
}

impl Place {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir, root: Mutex::default() }
    }

    /// Opens it, where it is not; waits for the disk.
    pub(crate) fn root(&self) -> Result<Arc<Root>, Error> {
        let mut root = self.root.lock().unwrap_or_else(PoisonError::into_inner);
        match &*root {
            Some(root) => Ok(root.clone()),
            None => Ok(root.insert(Arc::new(Root::open(&self.dir)?)).clone()),
        }
    }
}
