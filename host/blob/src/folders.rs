//! What is open, and which folder is where.
//!
//! Outlives a reload of the configuration: a folder that goes on to be granted is the same
//! one afterwards, with its counts. Two servers are not to have the same folder, since
//! neither would count what the other puts.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Semaphore;

use crate::job::Threads;
use crate::place::Place;
use crate::{Error, Folder, FolderConfig};

/// What is open.
#[derive(Debug, Default)]
pub struct Folders {
    /// Closed with the last who is granted them.
    places: Mutex<HashMap<PathBuf, Weak<Place>>>,
    threads: Threads,
}

impl Folders {
    /// The folder that `config` says; `permits` are for all of its owner's operations.
    pub fn folder(&self, config: &FolderConfig, permits: &Arc<Semaphore>) -> Folder {
        Folder {
            config: config.clone(),
            place: self.place(config),
            jobs: self.threads.jobs(),
            permits: permits.clone(),
        }
    }

    /// Opens a folder, so that what is wrong with it is known at once.
    ///
    /// # Errors
    ///
    /// Why it cannot be, and what to do.
    pub fn open(&self, config: &FolderConfig) -> Result<(), Error> {
        self.place(config).root().map(drop)
    }

    fn place(&self, config: &FolderConfig) -> Arc<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get(&config.dir).and_then(Weak::upgrade) {
            return place;
        }
        places.retain(|_, place| place.strong_count() > 0);
        let place = Arc::new(Place::new(config.dir.clone()));
        places.insert(config.dir.clone(), Arc::downgrade(&place));
        place
    }
}
