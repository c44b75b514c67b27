//! Step 2, the rest of it: what a path names, from memory or from disk, and what a file
//! is sent as. Also the version of a file, for step 5 and for URLs.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderValue;

use super::access::Access;
use super::conditional::Validators;
use super::config::Policy;
use super::content::{self, Content, WHOLE_BYTES};
use super::error::ServeError;
use super::facts::Facts;
use super::memory::{Kept, Key, Memory};
use super::open::{Opened, RegularFile, Root};
use super::path::FilePath;
use super::state::FileState;
use super::version::{PROMPT_BYTES, VERSIONED_BYTES, Version};
use crate::coding::Coding;

/// Looks files up, in memory and beneath the root.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finder<'a> {
    pub(super) root: &'a Root,
    pub(super) memory: &'a Memory,
    /// The mount's number in the memory.
    pub(super) mount: u32,
    pub(super) policy: &'a Policy,
    pub(super) siblings: &'a [Coding],
    /// Whether text is compressed on its way.
    pub(super) compresses: bool,
    pub(super) access: Access,
}

/// What a path names now.
#[derive(Debug)]
pub(super) enum Found {
    File(Source),
    Directory(OwnedFd),
}

/// Where a file's bytes come from.
#[derive(Debug)]
pub(super) enum Source {
    /// Kept, and just seen to be the file's state.
    Memory(Arc<Kept>),
    Disk(RegularFile),
}

/// What is sent, or a part of it.
#[derive(Debug)]
pub(super) struct Representation {
    pub(super) facts: Facts,
    pub(super) length: u64,
    pub(super) content: Content,
}

impl Finder<'_> {
    /// What the path names, in its state of just now.
    pub(super) fn find(&self, path: &FilePath, coding: Option<Coding>) -> Result<Found, ServeError> {
        let key = Key::new(self.mount, path, coding);
        if let Some(kept) = self.memory.get(&key) {
            if self.root.surely_holds(path, &kept.state) {
                return Ok(Found::File(Source::Memory(kept)));
            }
            match self.root.state(path, self.access) {
                Ok(state) if state == kept.state => return Ok(Found::File(Source::Memory(kept))),
                Ok(_) => {}
                Err(ServeError::WouldBlock) => return Err(ServeError::WouldBlock),
                Err(error) => {
                    self.memory.forget(&key);
                    return Err(error);
                }
            }
        }
        Ok(match self.root.open_beneath(path, self.access)? {
            Opened::File(file) => Found::File(Source::Disk(file)),
            Opened::Directory(dir) => Found::Directory(dir),
        })
    }

    /// Reads a small file, and keeps it if it is asked for often.
    pub(super) fn load(
        &self,
        source: Source,
        at: &FilePath,
        naming: Naming<'_>,
    ) -> Result<Representation, ServeError> {
        let RegularFile { file, metadata } = match source {
            Source::Disk(file) => file,
            Source::Memory(kept) => {
                let content = Content::Bytes(kept.bytes.clone());
                return Ok(Representation { facts: kept.facts.clone(), length: kept.state.size, content });
            }
        };
        let (state, settled) = FileState::settle(&file, &metadata, self.access)?;
        let validators = match settled {
            true => Validators::of(&state, naming.coding, SystemTime::now())?,
            false => Validators::none(),
        };
        let facts = Facts {
            validators,
            media_type: naming.media_type,
            cache_control: self.policy.of(naming.path.as_bytes()),
            coding: naming.coding,
            varies: naming.varies,
        };
        let key = Key::new(self.mount, at, facts.coding);
        if settled && state.size <= WHOLE_BYTES && self.memory.wants(&key, state.size) {
            let bytes = content::read(&file, state.size, self.access)?;
            if state.holds(&file)? {
                self.memory.keep(key, Kept { state, bytes: bytes.clone(), facts: facts.clone() });
            }
            return Ok(Representation { facts, length: state.size, content: Content::Bytes(bytes) });
        }
        Ok(Representation { facts, length: state.size, content: Content::File(file) })
    }

    /// The version of a file, from memory or by reading all of it.
    pub(super) fn version(&self, path: &FilePath) -> Result<Option<Version>, ServeError> {
        let state = self.root.state(path, self.access)?;
        let key = Key::new(self.mount, path, None);
        match self.memory.versions.get(&key) {
            Some(known) if known.0 == state => return Ok(Some(known.1.clone())),
            _ if state.size > VERSIONED_BYTES => return Ok(None),
            _ if self.access == Access::Cached && state.size > PROMPT_BYTES => {
                return Err(ServeError::WouldBlock);
            }
            _ => {}
        }
        let Opened::File(RegularFile { file, metadata }) = self.root.open_beneath(path, self.access)? else {
            return Ok(None);
        };
        let (state, settled) = FileState::settle(&file, &metadata, self.access)?;
        let version = match self.access {
            Access::Cached => Version::of(&*content::read(&file, state.size, Access::Cached)?)?,
            Access::Blocking => Version::of(&file)?,
        };
        if settled && state.holds(&file)? {
            self.memory.versions.put(key, (state, version.clone()), 0);
        }
        Ok(Some(version))
    }

    /// The version that the file had when it was last read.
    pub(super) fn last_version(&self, path: &FilePath) -> Option<Version> {
        let known = self.memory.versions.get(&Key::new(self.mount, path, None))?;
        Some(known.1.clone())
    }
}

impl Source {
    pub(super) fn state(&self) -> FileState {
        match self {
            Self::Memory(kept) => kept.state,
            Self::Disk(file) => FileState::of(&file.metadata),
        }
    }
}

/// What a file's name says of its representation.
pub(super) struct Naming<'a> {
    /// Of the original.
    pub(super) path: &'a FilePath,
    pub(super) media_type: HeaderValue,
    pub(super) coding: Option<Coding>,
    pub(super) varies: bool,
}
