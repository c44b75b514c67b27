//! The values of `wasi:blobstore` on their way, as streams of `wasi:io`.
//!
//! What a guest writes is kept until there is a buffer of it, then written while the next
//! one fills. A guest that asks where it can write waits for the disk there.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::{Bytes, BytesMut};
use patchboard_blob::{Error, Metadata, Object, Put};
use tokio::sync::Mutex as AsyncMutex;
use wasmtime::format_err;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError};

use crate::handlers::grants::held::Held;

/// Bytes that are kept until they are written.
const BUFFER_BYTES: usize = 64 << 10;

/// `outgoing-value`: ends with its call, and what is not finished then leaves nothing.
pub(super) struct Outgoing {
    pub(super) sink: Held<Arc<AsyncMutex<Sink>>>,
    pub(super) is_body_taken: bool,
}

/// Where an outgoing value goes.
#[derive(Debug, Default)]
pub(super) struct Sink {
    /// None until `write-data` has said where to.
    pub(super) put: Option<Put>,
    buffer: BytesMut,
    failed: Option<Error>,
}

impl Sink {
    fn room(&self) -> usize {
        BUFFER_BYTES.saturating_sub(self.buffer.len())
    }

    /// Writes what is kept. Dropped before it has returned, it has written all or nothing.
    async fn write(&mut self) -> Result<(), Error> {
        let Some(put) = &mut self.put else {
            return Err(Error::Other("write-data has not said yet where it is to be written".to_owned()));
        };
        put.ready().await?;
        if !self.buffer.is_empty() {
            put.write(self.buffer.split().freeze()).await?;
        }
        Ok(())
    }

    /// Makes it an object.
    pub(super) async fn finish(&mut self) -> Result<Metadata, Error> {
        match self.failed.take() {
            Some(failed) => Err(failed),
            None => {
                self.write().await?;
                self.put.take().ok_or(Error::NotFound)?.finish().await
            }
        }
    }
}

/// The `output-stream` of an outgoing value.
pub(super) struct Body(pub(super) Weak<AsyncMutex<Sink>>);

impl Body {
    fn with<T>(&self, then: impl FnOnce(&mut Sink) -> Result<T, StreamError>) -> Result<T, StreamError> {
        let sink = self.0.upgrade().ok_or(StreamError::Closed)?;
        // The instance does one thing at a time.
        let mut sink = sink.try_lock().map_err(|_| StreamError::Closed)?;
        match &sink.failed {
            Some(failed) => Err(StreamError::LastOperationFailed(format_err!("{failed}"))),
            None => then(&mut sink),
        }
    }
}

#[async_trait]
impl OutputStream for Body {
    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        self.with(|sink| {
            if bytes.len() > sink.room() {
                return Err(StreamError::Trap(format_err!("more was written than check-write had allowed")));
            }
            sink.buffer.extend_from_slice(&bytes);
            Ok(())
        })
    }

    /// Durable it is when the value is finished.
    fn flush(&mut self) -> Result<(), StreamError> {
        self.with(|_| Ok(()))
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        self.with(|sink| Ok(sink.room()))
    }
}

#[async_trait]
impl Pollable for Body {
    async fn ready(&mut self) {
        let Some(sink) = self.0.upgrade() else { return };
        let mut sink = sink.lock().await;
        if sink.room() == 0 && sink.failed.is_none() {
            let outcome = sink.write().await;
            sink.failed = outcome.err();
        }
    }
}

/// `incoming-value`: ends with its call.
pub(super) struct Incoming {
    pub(super) object: Held<Arc<Mutex<Object>>>,
    pub(super) length: u64,
}

impl Incoming {
    /// The next bytes; none at the end.
    pub(super) async fn chunk(&self) -> Result<Option<Bytes>, Error> {
        let ended = || Error::Other("it has ended with its call".to_owned());
        let object = self.object.get().ok_or_else(ended)?;
        let next =
            std::future::poll_fn(|cx| object.lock().unwrap_or_else(PoisonError::into_inner).poll_chunk(cx));
        next.await.transpose()
    }
}

/// The `input-stream` of an incoming value.
pub(super) struct Content {
    value: Incoming,
    /// What there is of it; none at its end.
    next: Result<Option<Bytes>, Error>,
}

impl Content {
    pub(super) fn new(value: Incoming) -> Self {
        Self { value, next: Ok(Some(Bytes::new())) }
    }
}

#[async_trait]
impl InputStream for Content {
    fn read(&mut self, size: usize) -> Result<Bytes, StreamError> {
        match &mut self.next {
            Ok(Some(chunk)) => Ok(chunk.split_to(size.min(chunk.len()))),
            Ok(None) => Err(StreamError::Closed),
            Err(error) => {
                let failed = StreamError::LastOperationFailed(format_err!("{error}"));
                self.next = Ok(None);
                Err(failed)
            }
        }
    }
}

#[async_trait]
impl Pollable for Content {
    async fn ready(&mut self) {
        if matches!(&self.next, Ok(Some(chunk)) if chunk.is_empty()) {
            self.next = self.value.chunk().await;
        }
    }
}
