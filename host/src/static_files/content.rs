//! Step 9: the bytes of an open file, as a body. A small file is read whole; a
//! larger one leaves in chunks, as fast as the client takes them.
//!
//! What the page cache holds is read on the spot, by a read that the kernel
//! forbids itself to wait in (`RWF_NOWAIT`). What it does not is read by a
//! blocking thread, and the chunk after that while this one is on its way.
//! Buffers are used again by the same thread.
//!
//! Exactly the announced length is sent. A file that has shrunk is an error,
//! which cuts the connection: padding would pass for content.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use rustix::io::{Errno, retry_on_intr};
use smallvec::{SmallVec, smallvec};
use tokio::task::{JoinHandle, spawn_blocking};

use super::access::Access;
use super::error::ServeError;
use super::range::Part;
use crate::body::{Body, BodyError};

/// Up to here a file is read whole, in the task that opened it.
pub(super) const WHOLE_BYTES: u64 = 64 * 1024;

/// What one read of a larger file asks for.
pub(super) const CHUNK_BYTES: u64 = 256 * 1024;

/// Buffers that a thread keeps for the next chunks.
const SPARE_BUFFERS: usize = 8;

/// The parts of a body, in order.
#[derive(Debug)]
pub(super) enum Piece {
    /// Such as the head of a part.
    Bytes(Bytes),
    File(Part),
}

/// A whole file or a range of it is one piece, and takes no allocation.
pub(super) type Pieces = SmallVec<[Piece; 1]>;

/// All of a representation of `length` bytes.
pub(super) fn whole(length: u64) -> Pieces {
    smallvec![Piece::File(Part { start: 0, end: length })]
}

/// Where the bytes of a representation are.
#[derive(Debug)]
pub(super) enum Content {
    Bytes(Bytes),
    File(File),
}

/// The body of `pieces` of a representation of `length` bytes.
pub(super) fn body(
    content: Content,
    length: u64,
    pieces: Pieces,
    access: Access,
) -> Result<Body, ServeError> {
    Ok(match content {
        _ if pieces.is_empty() => Body::empty(),
        Content::Bytes(bytes) => of_bytes(bytes, pieces),
        Content::File(file) if length <= WHOLE_BYTES => of_bytes(read(&file, length, access)?, pieces),
        Content::File(file) => stream(file, pieces),
    })
}

/// Reads a file whole. Short reads of [`Access::Cached`] are not gone on with.
pub(super) fn read(file: &File, length: u64, access: Access) -> Result<Bytes, ServeError> {
    // The caller asks for little, so the cast loses nothing.
    let mut bytes = vec![0; length as usize];
    let read = match access {
        Access::Blocking => read_full(file, &mut bytes, 0)?,
        Access::Cached if bytes.is_empty() => 0,
        Access::Cached => read_cached(file, &mut bytes, 0)?.ok_or(ServeError::WouldBlock)?,
    };
    match (read == bytes.len(), access) {
        (true, _) => Ok(bytes.into()),
        (false, Access::Cached) => Err(ServeError::WouldBlock),
        (false, Access::Blocking) => Err(ServeError::Changed),
    }
}

/// A body of pieces of a file that is in memory.
fn of_bytes(bytes: Bytes, pieces: impl IntoIterator<Item = Piece>) -> Body {
    let slice = |piece| match piece {
        Piece::Bytes(bytes) => bytes,
        Piece::File(part) => {
            // Within the length that the part was selected from, so this is all of it.
            let end = bytes.len().min(part.end as usize);
            bytes.slice(end.min(part.start as usize)..end)
        }
    };
    let mut pieces = pieces.into_iter().map(slice);
    match (pieces.next(), pieces.next()) {
        (None, _) => Body::empty(),
        (Some(only), None) => Body::full(only),
        (Some(first), Some(second)) => {
            let joined: Vec<u8> = [first, second].into_iter().chain(pieces).flatten().collect();
            Body::full(joined)
        }
    }
}

/// A body of pieces of one file.
fn stream(file: File, pieces: impl IntoIterator<Item = Piece>) -> Body {
    let pieces: VecDeque<_> = pieces.into_iter().filter(|piece| piece.length() > 0).collect();
    let remaining = pieces.iter().map(Piece::length).sum();
    #[cfg(target_os = "linux")]
    if remaining >= 4 * CHUNK_BYTES {
        // Advice only: a larger read-ahead, for the parts that are not in memory.
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Sequential).ok();
    }
    Body::stream(FileBody { file: Arc::new(file), pieces, remaining, reading: None, demanded: false })
}

impl Piece {
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(part) => part.length(),
        }
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

/// A file on its way out.
struct FileBody {
    file: Arc<File>,
    pieces: VecDeque<Piece>,
    remaining: u64,
    /// The read that is under way, of the first piece.
    reading: Option<JoinHandle<Result<Chunk, ContentError>>>,
    /// Whether that was waited for, so that the next is worth starting early.
    demanded: bool,
}

impl FileBody {
    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, BodyError>> {
        if self.reading.is_none() {
            match self.pieces.pop_front() {
                None => return Poll::Ready(Err(ContentError::Truncated.into())),
                Some(Piece::Bytes(bytes)) => return Poll::Ready(Ok(bytes)),
                Some(Piece::File(part)) => {
                    self.pieces.push_front(Piece::File(part));
                    let mut chunk = Chunk::new();
                    if let Some(()) = chunk.fill_cached(&self.file, part)? {
                        self.advance(part, chunk.filled);
                        return Poll::Ready(Ok(Bytes::from_owner(chunk)));
                    }
                    self.reading = Some(self.read(chunk, part));
                    self.demanded = true;
                }
            }
        }
        let Some(reading) = &mut self.reading else { return Poll::Pending };
        let read = std::task::ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        let chunk = read??;
        if let Some(Piece::File(part)) = self.pieces.front() {
            let part = *part;
            self.advance(part, chunk.filled);
        }
        if std::mem::take(&mut self.demanded)
            && let Some(Piece::File(part)) = self.pieces.front()
        {
            self.reading = Some(self.read(Chunk::new(), *part));
        }
        Poll::Ready(Ok(Bytes::from_owner(chunk)))
    }

    fn read(&self, mut chunk: Chunk, part: Part) -> JoinHandle<Result<Chunk, ContentError>> {
        let file = Arc::clone(&self.file);
        spawn_blocking(move || chunk.fill(&file, part).map(|()| chunk))
    }

    /// Takes what was read off the first piece.
    fn advance(&mut self, part: Part, read: usize) {
        self.pieces.pop_front();
        let start = part.start + read as u64;
        if start < part.end {
            self.pieces.push_front(Piece::File(Part { start, end: part.end }));
        }
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
        let next = std::task::ready!(self.next(cx));
        match &next {
            Ok(bytes) => self.remaining = self.remaining.saturating_sub(bytes.len() as u64),
            // Nothing may follow an error.
            Err(_) => self.remaining = 0,
        }
        Poll::Ready(Some(next.map(Frame::data)))
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

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of `CHUNK_BYTES`, filled up to somewhere.
struct Chunk {
    buffer: Vec<u8>,
    filled: usize,
}

impl Chunk {
    fn new() -> Self {
        let spare = SPARE.try_with(|spare| spare.borrow_mut().pop()).ok().flatten();
        Self { buffer: spare.unwrap_or_else(|| vec![0; CHUNK_BYTES as usize]), filled: 0 }
    }

    /// Reads what is in memory. `None` where that is nothing.
    fn fill_cached(&mut self, file: &File, part: Part) -> Result<Option<()>, ContentError> {
        match read_cached(file, self.room(part), part.start)? {
            None => Ok(None),
            Some(0) => Err(ContentError::Truncated),
            Some(read) => {
                self.filled = read;
                Ok(Some(()))
            }
        }
    }

    /// Reads a whole chunk, or to the end of the part.
    fn fill(&mut self, file: &File, part: Part) -> Result<(), ContentError> {
        let room = self.room(part);
        let wanted = room.len();
        self.filled = read_full(file, room, part.start)?;
        if self.filled == wanted { Ok(()) } else { Err(ContentError::Truncated) }
    }

    fn room(&mut self, part: Part) -> &mut [u8] {
        let wanted = part.length().min(CHUNK_BYTES) as usize;
        self.buffer.get_mut(..wanted).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        self.buffer.get(..self.filled).unwrap_or_default()
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        // Fails while the thread ends.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < SPARE_BUFFERS {
                spare.push(buffer);
            }
        });
    }
}

/// Reads until the buffer is full or the file ends.
fn read_full(file: &File, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
    let mut filled = 0;
    while let Some(room @ [_, ..]) = buffer.get_mut(filled..) {
        match retry_on_intr(|| rustix::io::pread(file, &mut *room, offset + filled as u64))? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// One read of what the page cache holds; `None` where the next byte is not in
/// it, or the file system or the kernel cannot tell.
#[cfg(target_os = "linux")]
fn read_cached(file: &File, buffer: &mut [u8], offset: u64) -> Result<Option<usize>, Errno> {
    use rustix::io::{IoSliceMut, ReadWriteFlags, preadv2};
    let read =
        retry_on_intr(|| preadv2(file, &mut [IoSliceMut::new(&mut *buffer)], offset, ReadWriteFlags::NOWAIT));
    match read {
        Ok(read) => Ok(Some(read)),
        Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(not(target_os = "linux"))]
fn read_cached(_file: &File, _buffer: &mut [u8], _offset: u64) -> Result<Option<usize>, Errno> {
    Ok(None)
}
