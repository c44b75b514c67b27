//! A mount: a folder under a prefix, opened at start, with what all its requests share.
//! Also the URLs of its files.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use patchboard_pattern::url::SEGMENT;
use percent_encoding::{AsciiSet, percent_encode, utf8_percent_encode};
use rustix::fs::Access as Rights;

use super::access::Access;
use super::config::{MountConfig, Policy};
use super::error::{MountError, ServeError};
use super::finder::{Finder, Found};
use super::listing;
use super::memory::Memory;
use super::open::{Links, Root};
use super::path::{FilePath, Hidden, RelativePath};
use crate::compression::CompressionConfig;
use crate::problem::Problem;

/// What a prefix cannot hold as it is: it is one or several segments.
const PATH: &AsciiSet = &SEGMENT.remove(b'/');

/// A folder under a prefix, opened once at start.
#[derive(Debug)]
pub struct Mount {
    pub(super) inner: Arc<Inner>,
}

/// What all requests of a mount share.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) config: MountConfig,
    pub(super) root: Root,
    pub(super) hidden: Hidden,
    policy: Policy,
    memory: Arc<Memory>,
    /// Its number in the memory.
    number: u32,
    /// Whether a thread is reading a file for [`Mount::static_url`].
    finds_version: AtomicBool,
}

impl Mount {
    /// Opens the folder. All later look-ups are relative to this descriptor, so
    /// they see edits inside the folder, but not another folder put in its place.
    ///
    /// # Errors
    ///
    /// The folder cannot be opened.
    pub fn open(config: MountConfig, memory: &Arc<Memory>) -> Result<Self, MountError> {
        let links = if config.follow_symlinks { Links::Beneath } else { Links::Refuse };
        let root = match Root::open(&config.dir, links) {
            Ok(root) => root,
            Err(source) => {
                return Err(MountError::Folder { prefix: config.prefix, dir: config.dir, source });
            }
        };
        let globs = |source| MountError::Globs { prefix: config.prefix.clone(), source };
        let hidden = config.hidden_names().map_err(globs)?;
        let policy = config.policy().map_err(globs)?;
        let (memory, number) = (Arc::clone(memory), memory.register());
        Ok(Self {
            inner: Arc::new(Inner {
                config,
                root,
                hidden,
                policy,
                memory,
                number,
                finds_version: AtomicBool::new(false),
            }),
        })
    }

    /// Whether its folder can be searched, and listed where it is.
    ///
    /// # Errors
    ///
    /// Says why not, and what to do.
    pub fn check(&self) -> Result<(), Problem> {
        let MountConfig { prefix, dir, show_index, .. } = &self.inner.config;
        let needed = if *show_index { Rights::EXEC_OK | Rights::READ_OK } else { Rights::EXEC_OK };
        rustix::fs::access(dir, needed).map_err(|error| {
            let wrong =
                format!("static mount `{prefix}/`: cannot read the folder {}: {error}", dir.display());
            Problem::new("", wrong).remedy("correct its rights, or `dir`")
        })
    }

    /// The pages for errors, and for an application's paths, that are not there.
    pub fn missing_pages(&self) -> Vec<Problem> {
        let MountConfig { prefix, dir, fallback, error_pages, .. } = &self.inner.config;
        let pages = fallback.iter().map(|page| ("fallback".to_owned(), page)).chain(
            error_pages.iter().map(|(status, page)| (format!("the page for {}", status.as_u16()), page)),
        );
        let finder = self.inner.finder(Access::Blocking);
        let is_missing =
            |page: &RelativePath| !matches!(finder.find(page.file_path(), None), Ok(Found::File(_)));
        pages
            .filter(|(_, page)| is_missing(page))
            .map(|(what, page)| {
                let name = page.file_path().as_bytes();
                let file = dir.join(OsStr::from_bytes(name));
                let wrong = format!(
                    "static mount `{prefix}/`: {what}, {}, is no file that can be read",
                    file.display()
                );
                Problem::new("", wrong).remedy("add it, or correct the key")
            })
            .collect()
    }

    /// Whether its path leads to another folder now.
    pub fn has_moved(&self) -> bool {
        self.inner.root.has_moved(&self.inner.config.dir)
    }

    /// The URL prefix, empty for the root.
    pub fn prefix(&self) -> &str {
        &self.inner.config.prefix
    }

    /// The name for `url_for`.
    pub fn name(&self) -> Option<&str> {
        self.inner.config.name.as_deref()
    }

    /// The folder's canonical path.
    pub fn dir(&self) -> &Path {
        self.inner.root.canonical()
    }

    /// Whether and how what it answers is to be compressed on the fly.
    pub fn compression(&self) -> Option<&CompressionConfig> {
        self.inner.config.compression.as_ref()
    }

    /// Whether both serve the same folder in the same way, from the same memory.
    pub fn is_same(&self, other: &Self) -> bool {
        self.inner.config == other.inner.config
            && self.inner.root.is_same(&other.inner.root)
            && Arc::ptr_eq(&self.inner.memory, &other.inner.memory)
    }

    /// The URL of a file with its version, such as `/css/style.css?v=…`; without
    /// one where there is no such file, so that a page does not break.
    ///
    /// Never waits: while a large file, or one that the kernel has not in memory, is
    /// read, the version is the one before, or none. Needs a tokio runtime.
    pub fn static_url(&self, path: &str) -> String {
        let segments: Vec<_> = path.trim_start_matches('/').split('/').map(str::as_bytes).collect();
        let mut url: String = utf8_percent_encode(&self.inner.config.prefix, PATH).collect();
        for segment in &segments {
            url.push('/');
            url.extend(percent_encode(segment, listing::LINK));
        }
        let Ok(path) = FilePath::parse(&segments, &self.inner.hidden) else { return url };
        let finder = self.inner.finder(Access::Cached);
        let version = match finder.version(&path) {
            Err(ServeError::WouldBlock) => {
                let last = finder.last_version(&path);
                self.find_version(path);
                last
            }
            found => found.ok().flatten(),
        };
        if let Some(version) = version {
            url.extend(["?v=", version.as_str()]);
        }
        url
    }

    /// Lets the memory have the version of a file; one at a time.
    fn find_version(&self, path: FilePath) {
        let inner = Arc::clone(&self.inner);
        if !inner.finds_version.swap(true, Ordering::Relaxed) {
            tokio::task::spawn_blocking(move || {
                inner.finder(Access::Blocking).version(&path).ok();
                inner.finds_version.store(false, Ordering::Relaxed);
            });
        }
    }
}

impl Inner {
    pub(super) fn finder(&self, access: Access) -> Finder<'_> {
        Finder {
            root: &self.root,
            memory: &self.memory,
            mount: self.number,
            policy: &self.policy,
            siblings: &self.config.siblings,
            compresses: self.config.compression.is_some(),
            access,
        }
    }
}
