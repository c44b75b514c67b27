//! Steps 3 and 5, joined: from a path to the representation that is sent, which
//! is a file as it is or a compressed sibling of it, from memory or from disk.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use super::conditional::Validators;
use super::config::Policy;
use super::content::{self, WHOLE_BYTES};
use super::encoding;
use super::error::ServeError;
use super::media_type;
use super::memory::{Kept, Key, Memory};
use super::open::{Access, Opened, RegularFile, Root};
use super::path::FilePath;
use super::stamp::Stamp;
use super::version::{PROMPT_BYTES, VERSIONED_BYTES, Version};
use crate::coding::{self, Coding};

/// Looks files up, in memory and beneath the root.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finder<'a> {
    pub(super) root: &'a Root,
    pub(super) memory: &'a Memory,
    /// The mount's number in the memory.
    pub(super) mount: u32,
    pub(super) policy: &'a Policy,
    pub(super) siblings: &'a [Coding],
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

/// What is said of a representation in the head.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) validators: Validators,
    pub(super) media_type: HeaderValue,
    pub(super) cache_control: Option<HeaderValue>,
    pub(super) coding: Option<Coding>,
    /// Whether another request may get another coding.
    pub(super) varies: bool,
}

/// What is sent, or a part of it.
#[derive(Debug)]
pub(super) struct Representation {
    pub(super) facts: Facts,
    pub(super) length: u64,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    Bytes(Bytes),
    File(File),
}

impl Finder<'_> {
    /// Step 3: what the path names, with the stamp of just now.
    pub(super) fn find(&self, path: &FilePath, coding: Option<Coding>) -> Result<Found, ServeError> {
        let key = Key::new(self.mount, path, coding);
        if let Some(kept) = self.memory.get(&key) {
            if self.root.surely_holds(path, &kept.stamp) {
                return Ok(Found::File(Source::Memory(kept)));
            }
            match self.root.stamp(path, self.access) {
                Ok(stamp) if stamp == kept.stamp => return Ok(Found::File(Source::Memory(kept))),
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

    /// Step 5: the file, or the best sibling that the client accepts.
    pub(super) fn represent(
        &self,
        source: Source,
        path: &FilePath,
        request: &HeaderMap,
    ) -> Result<Representation, ServeError> {
        let (media_type, varies) = match &source {
            Source::Memory(kept) => (kept.facts.media_type.clone(), kept.facts.varies),
            Source::Disk(_) => {
                let media_type = media_type::of(path.extension());
                let varies = !self.siblings.is_empty() && !media_type::is_compressed(&media_type);
                (media_type, varies)
            }
        };
        if varies {
            let original = source.stamp();
            for coding in coding::accepted(request, self.siblings) {
                let beside = path.sibling(coding.suffix());
                match self.find(&beside, Some(coding)) {
                    Ok(Found::File(sibling)) if encoding::is_current(&sibling.stamp(), &original) => {
                        let facts = Naming { path, media_type, coding: Some(coding), varies };
                        return self.load(sibling, &beside, facts);
                    }
                    Ok(_) | Err(ServeError::NotFound | ServeError::Forbidden) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        self.load(source, path, Naming { path, media_type, coding: None, varies })
    }

    /// Reads a small file, and keeps it if it is asked for often.
    fn load(&self, source: Source, at: &FilePath, naming: Naming<'_>) -> Result<Representation, ServeError> {
        let RegularFile { file, metadata } = match source {
            Source::Disk(file) => file,
            Source::Memory(kept) => {
                let content = Content::Bytes(kept.bytes.clone());
                return Ok(Representation { facts: kept.facts.clone(), length: kept.stamp.size, content });
            }
        };
        let (stamp, settled) = Stamp::settle(&file, &metadata, self.access)?;
        let validators = match settled {
            true => Validators::of(&stamp, naming.coding, SystemTime::now())?,
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
        if settled && stamp.size <= WHOLE_BYTES && self.memory.wants(&key, stamp.size) {
            let bytes = content::whole(&file, stamp.size, self.access)?;
            if stamp.holds(&file)? {
                self.memory.keep(key, Kept { stamp, bytes: bytes.clone(), facts: facts.clone() });
            }
            return Ok(Representation { facts, length: stamp.size, content: Content::Bytes(bytes) });
        }
        Ok(Representation { facts, length: stamp.size, content: Content::File(file) })
    }

    /// The version of a file, from memory or by reading all of it.
    pub(super) fn version(&self, path: &FilePath) -> Result<Option<Version>, ServeError> {
        let stamp = self.root.stamp(path, self.access)?;
        let key = Key::new(self.mount, path, None);
        match self.memory.versions.get(&key) {
            Some(known) if known.0 == stamp => return Ok(Some(known.1.clone())),
            _ if stamp.size > VERSIONED_BYTES => return Ok(None),
            _ if self.access == Access::Cached && stamp.size > PROMPT_BYTES => {
                return Err(ServeError::WouldBlock);
            }
            _ => {}
        }
        let Opened::File(RegularFile { file, metadata }) = self.root.open_beneath(path, self.access)? else {
            return Ok(None);
        };
        let (stamp, settled) = Stamp::settle(&file, &metadata, self.access)?;
        let version = match self.access {
            Access::Cached => Version::of(&*content::whole(&file, stamp.size, Access::Cached)?)?,
            Access::Blocking => Version::of(&file)?,
        };
        if settled && stamp.holds(&file)? {
            self.memory.versions.put(key, (stamp, version.clone()), 0);
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
    pub(super) fn stamp(&self) -> Stamp {
        match self {
            Self::Memory(kept) => kept.stamp,
            Self::Disk(file) => Stamp::of(&file.metadata),
        }
    }
}

/// What a file's name says of its representation.
struct Naming<'a> {
    /// Of the original.
    path: &'a FilePath,
    media_type: HeaderValue,
    coding: Option<Coding>,
    varies: bool,
}
