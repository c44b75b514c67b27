//! A guest's response body on its way out: a bounded pipe from the store to the
//! connection.
//!
//! The guest's stream and its trailers write ([`Content`], [`Trailers`]); the
//! connection reads ([`PipeBody`]). A pipe is complete only when the trailers have
//! been resolved, so a trap half-way is seen as one.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use wasmtime::StoreContextMut;
use wasmtime::component::{FutureConsumer, Source, StreamConsumer, StreamResult};

use super::fields;
use crate::body::BodyError;
use crate::handlers::bindings::types::{BodyError as GuestError, Fields};
use crate::handlers::error::Unfinished;
use crate::handlers::memory::Charge;
use crate::handlers::state::State;

/// Bytes a pipe holds before the guest has to wait.
const CAPACITY: usize = 64 << 10;

#[derive(Default)]
struct Pipe {
    /// For what is in it.
    held: Option<Charge>,
    chunks: VecDeque<Bytes>,
    buffered: usize,
    content_ended: bool,
    /// How the body ended: with or without trailers, or early.
    end: Option<Result<Option<http::HeaderMap>, String>>,
    trailers_dropped: bool,
    /// The store ended before the guest had ended the content.
    cut: bool,
    reader_gone: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    watcher: Option<Waker>,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Pipe>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Pipe> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

/// The guest's end for the content, and whether its store has ended: what is dropped then, the
/// guest has not ended.
pub(in crate::handlers) struct Content(Shared, Arc<AtomicBool>);

/// The guest's end for the trailers.
pub(in crate::handlers) struct Trailers(Shared);

/// The connection's end.
pub(in crate::handlers) struct PipeBody {
    pipe: Shared,
    left: Option<u64>,
}

/// Resolves when the guest has closed its content, or the connection its end.
pub(in crate::handlers) struct Closed(Shared);

/// A new pipe out of the store of `state`. `length` is the announced length in bytes.
pub(in crate::handlers) fn pipe(state: &State, length: Option<u64>) -> (Content, Trailers, PipeBody, Closed) {
    let held = state.memory.hold(0).ok();
    let pipe = Shared(Arc::new(Mutex::new(Pipe { held, ..Pipe::default() })));
    let body = PipeBody { pipe: pipe.clone(), left: length };
    (Content(pipe.clone(), state.ended.clone()), Trailers(pipe.clone()), body, Closed(pipe))
}

impl StreamConsumer<State> for Content {
    type Item = u8;

    fn poll_consume(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, State>,
        source: Source<'_, u8>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let mut pipe = self.0.lock();
        if pipe.reader_gone {
            return Poll::Ready(Ok(StreamResult::Dropped));
        }
        let room = CAPACITY.saturating_sub(pipe.buffered);
        if room == 0 {
            if finish {
                return Poll::Ready(Ok(StreamResult::Cancelled));
            }
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let mut source = source.as_direct(store);
        let bytes = source.remaining();
        let taken = bytes.get(..room).unwrap_or(bytes);
        let chunk = Bytes::copy_from_slice(taken);
        source.mark_read(chunk.len());
        if !chunk.is_empty() {
            if let Some(held) = &mut pipe.held {
                held.add(chunk.len())?;
            }
            pipe.buffered += chunk.len();
            pipe.chunks.push_back(chunk);
            wake(&mut pipe.reader);
        }
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        let mut pipe = self.0.lock();
        pipe.content_ended = true;
        pipe.cut = self.1.load(Ordering::Relaxed);
        wake(&mut pipe.reader);
        wake(&mut pipe.watcher);
    }
}

impl FutureConsumer<State> for Trailers {
    type Item = Result<Option<Fields>, GuestError>;

    fn poll_consume(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        store: StoreContextMut<'_, State>,
        mut source: Source<'_, Self::Item>,
        _: bool,
    ) -> Poll<wasmtime::Result<()>> {
        let mut end = None;
        source.read(store, &mut end)?;
        if let Some(end) = end {
            self.resolve(match end {
                Ok(None) => Ok(None),
                Ok(Some(trailers)) => fields::unpack(&trailers).map(Some),
                Err(error) => Err(format!("the handler gave up: {error:?}")),
            });
        }
        Poll::Ready(Ok(()))
    }
}

impl Trailers {
    /// Says how the body ended: with or without trailers, or early.
    pub(in crate::handlers) fn resolve(&self, end: Result<Option<http::HeaderMap>, String>) {
        let mut pipe = self.0.lock();
        pipe.end = Some(end);
        wake(&mut pipe.reader);
    }
}

impl Drop for Trailers {
    fn drop(&mut self) {
        let mut pipe = self.0.lock();
        pipe.trailers_dropped = true;
        wake(&mut pipe.reader);
    }
}

impl PipeBody {
    /// Holds the guest to no length: what it announced is not sent.
    pub(super) fn forget_length(&mut self) {
        self.left = None;
    }
}

impl http_body::Body for PipeBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut pipe = self.pipe.lock();
        if let Some(chunk) = pipe.chunks.pop_front() {
            pipe.buffered -= chunk.len();
            if let Some(held) = &mut pipe.held {
                held.subtract(chunk.len());
            }
            wake(&mut pipe.writer);
            drop(pipe);
            if let Some(left) = &mut self.left {
                let Some(rest) = left.checked_sub(chunk.len() as u64) else {
                    // What is sent beyond it would be taken for the next response.
                    return Poll::Ready(Some(Err("its body is longer than it announced".into())));
                };
                *left = rest;
            }
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        if pipe.cut {
            return Poll::Ready(Some(Err(Unfinished.into())));
        }
        if pipe.content_ended {
            let is_short = self.left.is_some_and(|left| left > 0);
            match pipe.end.take() {
                Some(Ok(_)) if is_short => {
                    return Poll::Ready(Some(Err("its body is shorter than it announced".into())));
                }
                Some(Ok(None)) => {
                    pipe.end = Some(Ok(None));
                    return Poll::Ready(None);
                }
                Some(Ok(Some(trailers))) => {
                    pipe.end = Some(Ok(None));
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                }
                Some(Err(reason)) => return Poll::Ready(Some(Err(reason.into()))),
                None if pipe.trailers_dropped => {
                    return Poll::Ready(Some(Err(Unfinished.into())));
                }
                None => {}
            }
        }
        pipe.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        let pipe = self.pipe.lock();
        // Of a body of known length hyper reads no further than that.
        pipe.chunks.is_empty()
            && (self.left == Some(0)
                || (pipe.content_ended && !pipe.cut && matches!(pipe.end, Some(Ok(None)))))
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map(SizeHint::with_exact).unwrap_or_default()
    }
}

impl Drop for PipeBody {
    fn drop(&mut self) {
        let mut pipe = self.pipe.lock();
        pipe.reader_gone = true;
        pipe.chunks.clear();
        wake(&mut pipe.writer);
    }
}

impl Future for Closed {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut pipe = self.0.lock();
        if pipe.content_ended {
            return Poll::Ready(());
        }
        pipe.watcher = Some(cx.waker().clone());
        Poll::Pending
    }
}
