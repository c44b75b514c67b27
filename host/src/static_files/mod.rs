//! Static mounts: the stage after the router for a prefix that serves a folder.
//!
//! In come the request head and the decoded path segments below the mount's
//! prefix; out goes a response. One request takes these steps, a file a step, in the
//! order of `take_steps` below:
//!
//! 1. `path`: the segments name a file that may be asked for, else 404
//! 2. `open`: opened beneath the root, with no way out of it; `state` tells one state
//!    of a file from another, `memory` has the bytes of what is hot, and `finder` asks
//!    both
//! 3. `directory`: a folder becomes its index, a redirect, a `listing` or 403
//! 4. `encoding`: a compressed sibling in its place, if the client accepts it
//! 5. `version`: whether the URL has the digest of the content
//! 6. `conditional`: validators, and 304 or 412
//! 7. `range`: the parts that are asked for
//! 8. `head`, with `facts`, `media_type` and `config`: what is said of it
//! 9. `content`: the bytes, whole or as a stream
//!
//! What finds nothing goes to `fallback`. The steps are first taken on the spot,
//! where only what the kernel has in memory is asked for and nothing can wait (but
//! for `Root::surely_holds`, hardly ever); what is not in memory takes them again
//! on a blocking thread. Compression on the fly, and the text of error bodies without
//! a page of their own, are left to `dispatch`.

mod access;
mod conditional;
mod config;
mod content;
mod directory;
mod encoding;
mod error;
mod facts;
mod fallback;
mod finder;
mod head;
mod listing;
mod media_type;
mod memory;
mod mount;
mod open;
mod path;
mod range;
mod request;
mod state;
#[cfg(test)]
mod tests;
mod version;

use std::borrow::Cow;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;

use futures_util::future::Either;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Response, StatusCode, Uri, request as http_request};

pub use self::config::{CacheRule, MountConfig};
pub use self::error::MountError;
pub use self::memory::{Memory, MemoryConfig};
pub use self::mount::Mount;
pub use self::path::{RelativePath, RelativePathError};

use self::access::Access;
use self::conditional::Verdict;
use self::directory::Named;
use self::error::ServeError;
use self::finder::Representation;
use self::listing::Shown;
use self::mount::Inner;
use self::path::FilePath;
use self::request::{FileRequest, ReadMethod};
use crate::body::Body;
use crate::compression::Unsent;

/// RFC 8246, for a year, which is as good as for ever.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// An answer: mostly there at once, else when the disk has given what it takes.
pub type Served = Either<Ready<Response<Body>>, Waiting>;

type Waiting = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

impl Mount {
    /// Answers one request, which is a GET or a HEAD. Never fails: whatever goes wrong is
    /// a status.
    ///
    /// `segments` are the percent-decoded path segments below the prefix, with
    /// or without the empty one that stands for a trailing slash. They were
    /// split before they were decoded, so each may hold any byte, `/` and NUL
    /// included.
    pub fn serve<S: AsRef<[u8]>>(
        &self,
        head: &http_request::Parts,
        segments: &[S],
        trailing_slash: bool,
    ) -> Served {
        let segments = match segments {
            [folders @ .., last] if trailing_slash && last.as_ref().is_empty() => folders,
            _ => segments,
        };
        let request = FileRequest {
            method: ReadMethod::of(&head.method),
            path: FilePath::parse(segments, &self.inner.hidden).ok(),
            trailing_slash,
            uri: &head.uri,
            headers: &head.headers,
        };
        match self.inner.answer(&request, Access::Cached) {
            Ok(response) => Either::Left(ready(response)),
            Err(ServeError::WouldBlock) => Either::Right(self.serve_blocking(&request)),
            Err(error) => Either::Left(ready(self.inner.refuse(request.uri, &error))),
        }
    }

    /// The same steps again, where they may wait.
    fn serve_blocking(&self, request: &FileRequest<'_>) -> Waiting {
        let FileRequest { method, trailing_slash, .. } = *request;
        let (path, uri, headers) = (request.path.clone(), request.uri.clone(), request.headers.clone());
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let (steps, target) = (inner.clone(), uri.clone());
            let answered = tokio::task::spawn_blocking(move || {
                let request = FileRequest { method, path, trailing_slash, uri: &uri, headers: &headers };
                steps.answer(&request, Access::Blocking)
            });
            match answered.await.map_err(ServeError::from).and_then(|answer| answer) {
                Ok(response) => response,
                Err(error) => inner.refuse(&target, &error),
            }
        })
    }
}

impl Inner {
    /// The steps, and the mount's own page for the status where they fail.
    fn answer(&self, request: &FileRequest<'_>, access: Access) -> Result<Response<Body>, ServeError> {
        let error = match self.take_steps(request, access) {
            Err(error) if !matches!(error, ServeError::WouldBlock) => error,
            taken => return taken,
        };
        let status = error.status();
        let Some(page) = self.config.error_pages.get(&status) else { return Err(error) };
        match fallback::error_page(&self.finder(access), page.file_path(), status, request)? {
            Some(page) => {
                self.log(request.uri, &error);
                Ok(page)
            }
            None => Err(error),
        }
    }

    /// Steps 2 to 9.
    fn take_steps(&self, request: &FileRequest<'_>, access: Access) -> Result<Response<Body>, ServeError> {
        let finder = self.finder(access);
        let asked_version = version::asked(request.uri.query()).filter(|_| self.config.versioned);

        // 2 and 3: what is there, or stands for it
        let (source, path, asked_version) = match directory::resolve(&finder, request, &self.config.index) {
            Ok(Named::File(source, path)) => (source, path, asked_version),
            Ok(Named::Unslashed) => return directory::redirect(request.uri),
            Ok(Named::Folder(_)) if !self.config.show_index => return Err(ServeError::Forbidden),
            Ok(Named::Folder(_)) if access == Access::Cached => return Err(ServeError::WouldBlock),
            Ok(Named::Folder(dir)) => {
                let shown = Shown { root: &self.root, hidden: &self.hidden, path: request.path.as_ref() };
                return listing::answer(dir, &shown, request);
            }
            Err(ServeError::NotFound) => {
                let (source, page) = fallback::application(&finder, self.config.fallback.as_ref(), request)?;
                (source, Cow::Borrowed(page), None)
            }
            Err(error) => return Err(error),
        };
        // 4: as it is, or compressed
        let representation = encoding::choose(&finder, source, &path, request.headers)?;
        let Representation { facts, length, content } = representation;
        // 5: under a URL of its own
        let is_immutable = match asked_version {
            Some(asked) => finder.version(&path)?.is_some_and(|version| version.as_str() == asked),
            None => false,
        };
        let mut response = match conditional::evaluate(request.headers, &facts.validators) {
            // 6: not if the client has it, or has something else in mind
            Verdict::Failed => return Err(ServeError::Precondition),
            Verdict::NotModified => {
                let mut response = head::not_modified(&facts);
                if self.config.compression.is_some() && facts.coding.is_none() {
                    response.extensions_mut().insert(Unsent { media_type: facts.media_type, length });
                }
                response
            }
            Verdict::Proceed => {
                // 7: all of it, or parts
                let selection = range::select(request, &facts.validators, length);
                // 8: what it is
                let (head, pieces) = head::of(&facts, &selection, length)?;
                // 9: the bytes
                let body = match request.method {
                    ReadMethod::Head => Body::empty(),
                    ReadMethod::Get => content::body(content, length, pieces, access)?,
                };
                head.map(|()| body)
            }
        };
        if is_immutable {
            response.headers_mut().insert(CACHE_CONTROL, IMMUTABLE);
        }
        Ok(response)
    }

    /// The bare status of an error; the log has the details, once.
    fn refuse(&self, uri: &Uri, error: &ServeError) -> Response<Body> {
        self.log(uri, error);
        head::empty(error.status())
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
