//! Static mounts: the stage after the router for a prefix that serves a folder.
//!
//! In come the request head and the decoded path segments below the mount's
//! prefix; out goes a response. One request takes these steps, a file a step:
//!
//! 1. `method`: GET or HEAD, else 405
//! 2. `path`: the segments name a file that may be asked for, else 404
//! 3. `open`: opened beneath the root, with no way out of it; `stamp` tells its
//!    state, and `memory` has the bytes of what is hot
//! 4. `directory`: a folder becomes its index, a redirect, a `listing` or 403
//! 5. `encoding`: a compressed sibling in its place, if the client accepts it
//! 6. `conditional`: validators, and 304 or 412
//! 7. `range`: the parts that are asked for
//! 8. `media_type`, `config`, `version` and `head`: what is said of it
//! 9. `content`: the bytes, whole or as a stream
//!
//! `representation` joins steps 3 and 5, `respond` steps 6 to 9.
//!
//! What finds nothing goes to `fallback`. The steps are first taken on the spot,
//! where only what the kernel has in memory is asked for and nothing can wait (but
//! for `Root::surely_holds`, hardly ever); what is not in memory takes them again
//! on a blocking thread. Compression on the fly, and the text of error bodies without
//! a page of their own, are left to `dispatch`.

mod conditional;
mod config;
mod content;
mod directory;
mod encoding;
mod error;
mod fallback;
mod head;
mod listing;
mod media_type;
mod memory;
mod method;
mod open;
mod path;
mod range;
mod representation;
mod respond;
mod stamp;
#[cfg(test)]
mod tests;
mod version;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{ALLOW, VARY};
use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, request};

pub use self::config::{CacheRule, MountConfig};
pub use self::error::MountError;
pub use self::memory::{Memory, MemoryConfig};
pub use self::path::{RelativePath, RelativePathError};

use self::config::Policy;
use self::directory::Target;
use self::error::ServeError;
use self::method::ReadMethod;
use self::open::{Access, Links, Root};
use self::path::{FilePath, Hidden};
use self::representation::Finder;
use crate::body::Body;
use crate::compression::CompressionConfig;

/// A folder under a prefix, opened once at start.
#[derive(Debug)]
pub struct Mount {
    inner: Arc<Inner>,
}

/// What all requests of a mount share.
#[derive(Debug)]
struct Inner {
    config: MountConfig,
    root: Root,
    hidden: Hidden,
    policy: Policy,
    memory: Arc<Memory>,
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

    /// Answers one request. Never fails: whatever goes wrong is a status.
    ///
    /// `segments` are the percent-decoded path segments below the prefix, with
    /// or without the empty one that stands for a trailing slash. They were
    /// split before they were decoded, so each may hold any byte, `/` and NUL
    /// included.
    pub async fn serve<S: AsRef<[u8]>>(
        &self,
        request: &request::Parts,
        segments: &[S],
        trailing_slash: bool,
    ) -> Response<Body> {
        let segments = match segments {
            [folders @ .., last] if trailing_slash && last.as_ref().is_empty() => folders,
            _ => segments,
        };
        let method = match ReadMethod::of(&request.method) {
            Ok(method) => method,
            Err(error) => return self.inner.refuse(&request.uri, &error),
        };
        let path = FilePath::parse(segments, &self.inner.hidden);
        let asked =
            Asked { method, path: path.ok(), trailing_slash, uri: &request.uri, headers: &request.headers };
        match self.inner.answer(&asked, Access::Cached) {
            Ok(response) => response,
            // Boxed, for it is rare, and the room for it would be copied about.
            Err(ServeError::WouldBlock) => Box::pin(self.serve_blocking(&asked)).await,
            Err(error) => self.inner.refuse(&request.uri, &error),
        }
    }

    /// The same steps again, where they may wait.
    async fn serve_blocking(&self, asked: &Asked<'_>) -> Response<Body> {
        let Asked { method, trailing_slash, .. } = *asked;
        let (path, uri, headers) = (asked.path.clone(), asked.uri.clone(), asked.headers.clone());
        let inner = Arc::clone(&self.inner);
        let answered = tokio::task::spawn_blocking(move || {
            let asked = Asked { method, path, trailing_slash, uri: &uri, headers: &headers };
            inner.answer(&asked, Access::Blocking)
        });
        match answered.await.map_err(ServeError::from).and_then(|answer| answer) {
            Ok(response) => response,
            Err(error) => self.inner.refuse(asked.uri, &error),
        }
    }

    /// The URL of a file with its version, such as `/css/style.css?v=…`; without
    /// one where there is no such file, so that a page does not break.
    ///
    /// Never waits: while a large file, or one that the kernel has not in memory, is
    /// read, the version is the one before, or none. Needs a tokio runtime.
    pub fn static_url(&self, path: &str) -> String {
        let segments: Vec<_> = path.trim_start_matches('/').split('/').map(str::as_bytes).collect();
        let mut url = self.inner.config.prefix.clone();
        for segment in &segments {
            url.push('/');
            url.extend(percent_encoding::percent_encode(segment, listing::LINK));
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

/// A request as the steps need it.
struct Asked<'a> {
    method: ReadMethod,
    /// `None` for what cannot be, or must not be asked for as, a file.
    path: Option<FilePath>,
    trailing_slash: bool,
    uri: &'a Uri,
    headers: &'a HeaderMap,
}

impl Inner {
    fn finder(&self, access: Access) -> Finder<'_> {
        Finder {
            root: &self.root,
            memory: &self.memory,
            mount: self.number,
            policy: &self.policy,
            siblings: &self.config.siblings,
            access,
        }
    }

    /// Steps 3 to 9, and what to do where they fail.
    fn answer(&self, asked: &Asked<'_>, access: Access) -> Result<Response<Body>, ServeError> {
        let finder = self.finder(access);
        let error = match self.answer_path(asked, &finder) {
            Err(error) if !matches!(error, ServeError::WouldBlock) => error,
            answered => return answered,
        };
        if let (ServeError::NotFound, Some(page)) = (&error, &self.config.fallback)
            && fallback::is_navigation(asked.uri, asked.headers)
        {
            let path = page.file_path();
            match finder.find(path, None) {
                Ok(representation::Found::File(source)) => {
                    return self.send(asked, &finder, finder.represent(source, path, asked.headers)?, None);
                }
                Err(ServeError::WouldBlock) => return Err(ServeError::WouldBlock),
                Ok(representation::Found::Directory(_)) | Err(_) => {}
            }
        }
        let status = error.status();
        if let Some(page) = self.config.error_pages.get(&status) {
            let page = page.file_path();
            let page = fallback::error_page(&finder, page, status, asked.method, asked.headers)?;
            if let Some(page) = page {
                self.log(asked.uri, &error);
                return Ok(page);
            }
        }
        Err(error)
    }

    fn answer_path(&self, asked: &Asked<'_>, finder: &Finder<'_>) -> Result<Response<Body>, ServeError> {
        let path = asked.path.as_ref().ok_or(ServeError::NotFound)?;
        match directory::resolve(finder, path, asked.trailing_slash, &self.config.index)? {
            Target::File(source) => {
                let representation = finder.represent(source, path, asked.headers)?;
                self.send(asked, finder, representation, Some(path))
            }
            Target::Index(source, path) => {
                let representation = finder.represent(source, &path, asked.headers)?;
                self.send(asked, finder, representation, Some(&path))
            }
            Target::Redirect => directory::redirect(asked.uri),
            Target::Directory(_) if !self.config.show_index => Err(ServeError::Forbidden),
            Target::Directory(_) if finder.access == Access::Cached => Err(ServeError::WouldBlock),
            Target::Directory(dir) => {
                let shown =
                    listing::Shown { root: &self.root, hidden: &self.hidden, path: asked.path.as_ref() };
                let (media_type, page) = listing::page(dir, &shown, asked.uri, asked.headers)?;
                let length = page.len() as u64;
                let body = match asked.method {
                    ReadMethod::Get => Body::full(page),
                    ReadMethod::Head => Body::empty(),
                };
                let mut response = Response::new(body);
                head::put_entity(response.headers_mut(), media_type, length);
                response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
                Ok(response)
            }
        }
    }

    /// The bare status of an error; the log has the details, once.
    fn refuse(&self, uri: &Uri, error: &ServeError) -> Response<Body> {
        self.log(uri, error);
        let mut response = head::empty(error.status());
        if response.status() == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(ALLOW, method::ALLOWED);
        }
        response
    }

    fn log(&self, uri: &Uri, error: &ServeError) {
        let (mount, path) = (self.config.prefix.as_str(), uri.path());
        match error.cause() {
            Some(cause) if error.status() == StatusCode::INTERNAL_SERVER_ERROR => {
                tracing::error!(mount, path, cause, "static file not served: {error}");
            }
            Some(cause) => tracing::warn!(mount, path, cause, "static file not served: {error}"),
            None => {}
        }
    }
}
