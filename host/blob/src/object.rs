//! An object that is being read: its metadata, and its bytes as they are asked for.
//!
//! One chunk is read ahead, so at most two are in memory, however large the object is.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use crate::job::{Job, Jobs};
use crate::root::Root;
use crate::{Error, Metadata, ObjectName};

/// The most that is read at once.
const CHUNK_BYTES: u64 = 128 << 10;

/// A part of an object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Range {
    /// Where it begins: at most at the end of the object, where nothing is left of it.
    pub offset: u64,
    /// Its most bytes; to the end of the object where that comes before, or none is given.
    pub length: Option<u64>,
}

/// An object that is being read, whole or in part.
#[derive(Debug)]
pub struct Object {
    metadata: Metadata,
    length: u64,
    state: State,
    jobs: Jobs,
    timeout: Duration,
    permit: Option<OwnedSemaphorePermit>,
}

/// An open object, where it is read on from, and its first bytes.
#[derive(Debug)]
pub(crate) struct Opened {
    metadata: Metadata,
    length: u64,
    rest: Rest,
    first: Bytes,
}

#[derive(Debug)]
pub(crate) struct Rest {
    file: File,
    left: u64,
}

enum State {
    Ready(Bytes, Rest),
    Busy(Job<(Bytes, Rest)>),
    Ended,
}

impl Opened {
    /// Opens an object, and reads its first bytes.
    pub(crate) fn open(root: &Root, name: &ObjectName, range: Range) -> Result<Self, Error> {
        let (mut file, metadata) = root.read(name)?;
        let Some(left) = metadata.size.checked_sub(range.offset) else {
            let (offset, size) = (range.offset, metadata.size);
            return Err(Error::Invalid(format!(
                "byte {offset} is behind the end of an object of {size} bytes"
            )));
        };
        if range.offset > 0 {
            file.seek(SeekFrom::Start(range.offset))?;
        }
        let length = range.length.map_or(left, |length| length.min(left));
        let (first, rest) = Rest { file, left: length }.read()?;
        Ok(Self { metadata, length, rest, first })
    }
}

impl Rest {
    fn read(mut self) -> Result<(Bytes, Self), Error> {
        let length = self.left.min(CHUNK_BYTES);
        let mut chunk = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        (&self.file).take(length).read_to_end(&mut chunk)?;
        if (chunk.len() as u64) < length {
            return Err(Error::Other("the object became shorter while it was read".to_owned()));
        }
        self.left -= length;
        Ok((chunk.into(), self))
    }
}

impl Object {
    pub(crate) fn new(
        opened: Opened,
        jobs: Jobs,
        timeout: Duration,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let Opened { metadata, length, rest, first } = opened;
        Self { metadata, length, state: State::Ready(first, rest), jobs, timeout, permit }
    }

    /// What is known of the object, all of it.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The bytes that are read of it.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The next bytes; none at the end.
    ///
    /// # Errors
    ///
    /// If the disk fails; nothing comes after that.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        if let State::Busy(job) = &mut self.state {
            match ready!(job.as_mut().poll(cx)) {
                Ok((chunk, rest)) => self.state = State::Ready(chunk, rest),
                Err(error) => {
                    self.state = State::Ended;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
        let State::Ready(chunk, rest) = std::mem::replace(&mut self.state, State::Ended) else {
            return Poll::Ready(None);
        };
        if rest.left > 0 {
            self.state = State::Busy(self.jobs.start(self.timeout, || rest.read()));
        } else {
            self.jobs.drop((rest, self.permit.take()));
        }
        Poll::Ready((!chunk.is_empty()).then_some(Ok(chunk)))
    }

    /// The next bytes; none at the end. Dropped before it has returned, it has taken none.
    ///
    /// # Errors
    ///
    /// As [`Object::poll_chunk`].
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        std::future::poll_fn(|cx| self.poll_chunk(cx)).await.transpose()
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Ended => {}
            state => self.jobs.drop((state, self.permit.take())),
        }
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ready(..) => "Ready",
            Self::Busy(_) => "Busy",
            Self::Ended => "Ended",
        })
    }
}
