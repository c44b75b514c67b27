//! An object as a guest's stream: a chunk at a time, as the guest asks for them.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use patchboard_blob::{Error, Object};
use tokio::sync::oneshot;
use wasmtime::StoreContextMut;
use wasmtime::component::{Destination, StreamProducer, StreamResult};

use crate::handlers::grants::held::Held;
use crate::handlers::imports::chunk;
use crate::handlers::state::State;

/// An object that is being read by a guest.
pub(super) struct Reading {
    object: Held<Arc<Mutex<Object>>>,
    chunk: Bytes,
    end: Option<oneshot::Sender<Result<(), Error>>>,
}

impl Reading {
    /// `end` is told how it has ended.
    pub(super) fn new(object: Held<Arc<Mutex<Object>>>, end: oneshot::Sender<Result<(), Error>>) -> Self {
        Self { object, chunk: Bytes::new(), end: Some(end) }
    }

    fn poll_chunk(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        match self.object.get() {
            Some(object) => object.lock().unwrap_or_else(PoisonError::into_inner).poll_chunk(cx),
            None => Poll::Ready(Some(Err(Error::Other("it has ended with its call".to_owned())))),
        }
    }

    fn finish(&mut self, end: Result<(), Error>) -> StreamResult {
        self.object.end();
        if let Some(sender) = self.end.take() {
            sender.send(end).ok();
        }
        StreamResult::Dropped
    }
}

impl StreamProducer<State> for Reading {
    type Item = u8;
    type Buffer = Bytes;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, State>,
        destination: Destination<'a, u8, Self::Buffer>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        if destination.remaining(&mut store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        if self.chunk.is_empty() {
            match self.poll_chunk(cx) {
                Poll::Ready(Some(Ok(chunk))) => self.chunk = chunk,
                Poll::Ready(None) => return Poll::Ready(Ok(self.finish(Ok(())))),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Ok(self.finish(Err(error)))),
                Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(chunk::write(&mut self.chunk, store, destination)))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.object.end();
    }
}
