//! Static mounts: the stage after the router for a prefix that serves a folder.
//!
//! In come the request head and the decoded path segments below the mount's
//! prefix; out goes a response. One request takes these steps, a file a step:
//!
//! 1. `method`: GET or HEAD, else 405
//! 2. `path`: the segments name a file that may be asked for, else 404
//! 3. `open`: opened beneath the root, with no way out of it
//! 4. `directory`: a folder becomes its index, a redirect, a listing or 403
//! 5. `conditional`: validators, and 304 where the client has it already
//! 6. `media_type`: what the name says the bytes are
//! 7. `content`: the bytes, whole or as a stream
//!
//! Steps 3 to 7 run in one blocking task; a large file's chunks are read later.
//! The text of error bodies is left to `dispatch`: here they are empty.

mod conditional;
mod content;
mod directory;
mod error;
mod listing;
mod media_type;
mod method;
mod open;
mod path;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, ETAG, LAST_MODIFIED, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, request};

pub use self::error::MountError;

use self::conditional::{Preconditions, Validators};
use self::directory::Target;
use self::error::ServeError;
use self::method::ReadMethod;
use self::open::{RegularFile, Root};
use self::path::FilePath;
use crate::body::Body;

/// One `[[static]]` table, checked.
#[derive(Clone, Debug)]
pub struct MountConfig {
    /// Starts with `/` and does not end with it; empty for the root.
    pub prefix: String,
    /// The folder that is served.
    pub dir: PathBuf,
    /// For `url_for`, unique among routes.
    pub name: Option<String>,
    /// Whether a folder without an index is listed, rather than refused.
    pub show_index: bool,
}

/// A folder under a prefix, opened once at start.
#[derive(Debug)]
pub struct Mount {
    prefix: String,
    name: Option<String>,
    show_index: bool,
    root: Arc<Root>,
}

impl Mount {
    /// Opens the folder. All later look-ups are relative to this descriptor, so
    /// they see edits inside the folder, but not another folder put in its place.
    pub fn open(config: MountConfig) -> Result<Self, MountError> {
        let MountConfig { prefix, dir, name, show_index } = config;
        match Root::open(&dir) {
            Ok(root) => Ok(Self { prefix, name, show_index, root: Arc::new(root) }),
            Err(source) => Err(MountError { prefix, dir, source }),
        }
    }

    /// The URL prefix, empty for the root.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The name for `url_for`.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The folder's canonical path.
    pub fn dir(&self) -> &Path {
        self.root.canonical()
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
        let answer = match self.lookup(request, segments, trailing_slash) {
            Ok(lookup) => match tokio::task::spawn_blocking(move || lookup.answer()).await {
                Ok(answer) => answer,
                Err(stopped) => Err(stopped.into()),
            },
            Err(error) => Err(error),
        };
        answer.unwrap_or_else(|error| self.refuse(&request.uri, &error))
    }

    /// Steps 1 and 2, which touch no file.
    fn lookup<S: AsRef<[u8]>>(
        &self,
        request: &request::Parts,
        segments: &[S],
        trailing_slash: bool,
    ) -> Result<Lookup, ServeError> {
        let segments = match segments {
            [folders @ .., last] if trailing_slash && last.as_ref().is_empty() => folders,
            _ => segments,
        };
        Ok(Lookup {
            method: ReadMethod::of(&request.method)?,
            path: FilePath::parse(segments)?,
            trailing_slash,
            preconditions: Preconditions::of(&request.headers),
            uri: request.uri.clone(),
            show_index: self.show_index,
            root: Arc::clone(&self.root),
        })
    }

    /// The bare status of an error; the log has the details, once.
    fn refuse(&self, uri: &Uri, error: &ServeError) -> Response<Body> {
        let (mount, path) = (self.prefix.as_str(), uri.path());
        let status = error.status();
        match error.cause() {
            Some(cause) if status == StatusCode::INTERNAL_SERVER_ERROR => {
                tracing::error!(mount, path, cause, "static file not served: {error}");
            }
            Some(cause) => tracing::warn!(mount, path, cause, "static file not served: {error}"),
            None => {}
        }
        let mut response = empty(status);
        if status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(ALLOW, method::ALLOWED);
        }
        response
    }
}

/// A request on its way through the blocking steps, owning all it needs.
struct Lookup {
    method: ReadMethod,
    path: FilePath,
    trailing_slash: bool,
    preconditions: Preconditions,
    uri: Uri,
    show_index: bool,
    root: Arc<Root>,
}

impl Lookup {
    /// Steps 3 to 7. Blocks on the file system.
    fn answer(&self) -> Result<Response<Body>, ServeError> {
        match directory::resolve(&self.root, &self.path, self.trailing_slash)? {
            Target::File(file) => self.file(file, &self.path),
            Target::Index(file, path) => self.file(file, &path),
            Target::Redirect => directory::redirect(&self.uri),
            Target::Directory(dir) if self.show_index => {
                let below_root = !self.path.is_root();
                let page = listing::page(dir, self.uri.path(), below_root)?;
                Ok(self.listing(page))
            }
            Target::Directory(_) => Err(ServeError::Forbidden),
        }
    }

    fn file(&self, opened: RegularFile, path: &FilePath) -> Result<Response<Body>, ServeError> {
        let validators = Validators::of(&opened.metadata, SystemTime::now())?;
        if self.preconditions.not_modified(&validators) {
            let mut response = empty(StatusCode::NOT_MODIFIED);
            put_validators(response.headers_mut(), validators);
            return Ok(response);
        }
        let length = opened.metadata.len();
        let body = match self.method {
            ReadMethod::Get => content::body(opened.file, length)?,
            ReadMethod::Head => Body::empty(),
        };
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        put_entity(headers, media_type::of(path.extension()), length);
        put_validators(headers, validators);
        Ok(response)
    }

    fn listing(&self, page: String) -> Response<Body> {
        let length = page.len() as u64;
        let body = match self.method {
            ReadMethod::Get => Body::full(page),
            ReadMethod::Head => Body::empty(),
        };
        let mut response = Response::new(body);
        put_entity(response.headers_mut(), media_type::HTML, length);
        response
    }
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn put_entity(headers: &mut HeaderMap, media_type: HeaderValue, length: u64) {
    headers.insert(CONTENT_TYPE, media_type);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    // The type comes from the name: a browser must not guess another from bytes.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

fn put_validators(headers: &mut HeaderMap, validators: Validators) {
    headers.insert(ETAG, validators.etag);
    if let Some(last_modified) = validators.last_modified {
        headers.insert(LAST_MODIFIED, last_modified);
    }
}
