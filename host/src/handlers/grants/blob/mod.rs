//! Blob folders: what a handler was granted of them.

pub(super) mod host;
pub(crate) mod keys;
mod shared;

use std::sync::Arc;

use patchboard_blob::{Folder, Folders};
use tokio::sync::Semaphore;

use super::grant::{Grant, Grantee, Wanted};

/// What is awaited, and what holds its instance while it waits.
const AWAITED: &str = "patchboard:handler/blob@";
const FUTURES: &str = "patchboard:handler/blob-futures@";
const HOLDING: &str = "wasi:blobstore/";

/// The folders that a handler was granted.
pub(in crate::handlers) struct Blobs(Vec<Arc<Folder>>);

impl Grant for Blobs {
    const IMPORTS: &'static [&'static str] = &[AWAITED, FUTURES, HOLDING];
    type Shared = Folders;

    fn holds(wanted: &Wanted<'_>) -> bool {
        wanted.list_of(&[HOLDING]).is_some()
    }

    fn check(wanted: &Wanted<'_>) -> Result<(), String> {
        match wanted.list_of(Self::IMPORTS).filter(|_| wanted.config.blob.folders.is_empty()) {
            Some(list) => Err(wanted.not_granted(&list, &format!("blob = \"{}\"", wanted.handler))),
            None => Ok(()),
        }
    }

    fn check_shared(wanted: &Wanted<'_>) -> Result<(), String> {
        match wanted.list(|name| name.starts_with(HOLDING)) {
            Some(list) => Err(wanted.would_hold(&list, "patchboard:handler/blob")),
            None => Ok(()),
        }
    }

    fn grant(to: &Grantee<'_>, shared: &Folders) -> Self {
        let permits = Arc::new(Semaphore::new(to.config.blob.calls as usize));
        let folder = |config| Arc::new(shared.folder(config, &permits));
        Self(to.config.blob.folders.iter().map(folder).collect())
    }
}
