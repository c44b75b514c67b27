//! Step 7: the bytes of an open file, as a body. A small file is read whole at
//! once; a larger one leaves in chunks, the next being read while the last is on
//! its way, so that at most two are in memory.
//!
//! Exactly the announced length is sent. A file that has shrunk is an error,
//! which cuts the connection: padding would pass for content.

use std::fs::File;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use rustix::buffer::spare_capacity;
use rustix::io::{Errno, retry_on_intr};
use tokio::task::{JoinHandle, spawn_blocking};

use super::error::ServeError;
use crate::body::{Body, BodyError};

/// Up to here a file is read whole, in the task that opened it.
pub(super) const WHOLE_BYTES: u64 = 64 * 1024;

/// What one read of a larger file asks for.
pub(super) const CHUNK_BYTES: u64 = 256 * 1024;

/// The body of a GET. Blocks for a small file.
pub(super) fn body(file: File, length: u64) -> Result<Body, ServeError> {
    if length > WHOLE_BYTES {
        return Ok(Body::stream(FileBody::new(file, length)));
    }
    match read_at(&file, 0, length) {
        Ok(bytes) => Ok(Body::full(bytes)),
        Err(ContentError::Truncated) => Err(ServeError::Changed),
        Err(ContentError::Read(error)) => Err(error.into()),
    }
}

/// Why a body breaks off.
#[derive(Debug, thiserror::Error)]
enum ContentError {
    #[error("the file was truncated while it was sent")]
    Truncated,
    #[error("cannot read the file")]
    Read(#[from] io::Error),
}

impl From<Errno> for ContentError {
    fn from(errno: Errno) -> Self {
        Self::Read(errno.into())
    }
}

type Chunk = Result<Bytes, ContentError>;

/// A file on its way out.
struct FileBody {
    file: Arc<File>,
    offset: u64,
    remaining: u64,
    /// The read that is under way.
    reading: Option<JoinHandle<Chunk>>,
}

impl FileBody {
    fn new(file: File, length: u64) -> Self {
        Self { file: Arc::new(file), offset: 0, remaining: length, reading: None }
    }

    fn start_read(&self) -> JoinHandle<Chunk> {
        let (file, offset) = (Arc::clone(&self.file), self.offset);
        let length = self.remaining.min(CHUNK_BYTES);
        spawn_blocking(move || read_at(&file, offset, length))
    }
}

impl http_body::Body for FileBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        let mut reading = match self.reading.take() {
            Some(reading) => reading,
            None => self.start_read(),
        };
        let Poll::Ready(read) = Pin::new(&mut reading).poll(cx) else {
            self.reading = Some(reading);
            return Poll::Pending;
        };
        let chunk = match read.map_err(BodyError::from).and_then(|chunk| Ok(chunk?)) {
            Ok(chunk) => chunk,
            Err(error) => {
                // Nothing may follow an error.
                self.remaining = 0;
                return Poll::Ready(Some(Err(error)));
            }
        };
        self.offset += chunk.len() as u64;
        self.remaining = self.remaining.saturating_sub(chunk.len() as u64);
        if self.remaining > 0 {
            self.reading = Some(self.start_read());
        }
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

impl Drop for FileBody {
    /// The client may be gone: a read that still waits for a thread is not worth one.
    fn drop(&mut self) {
        if let Some(reading) = &self.reading {
            reading.abort();
        }
    }
}

/// Reads exactly `length` bytes at `offset`.
fn read_at(file: &File, offset: u64, length: u64) -> Chunk {
    // Both callers ask for at most `CHUNK_BYTES`, so the cast loses nothing.
    let length = length as usize;
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        let from = offset + bytes.len() as u64;
        let read = retry_on_intr(|| rustix::io::pread(file, spare_capacity(&mut bytes), from))?;
        if read == 0 {
            return Err(ContentError::Truncated);
        }
    }
    // The vector may have got more room than it asked for, and filled it.
    bytes.truncate(length);
    Ok(bytes.into())
}
