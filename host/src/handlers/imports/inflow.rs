//! A body of the host's on its way into a guest, as a stream and a future for its trailers.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use tokio::sync::oneshot;
use wasmtime::component::{
    ComponentType, Destination, FutureReader, Lift, Lower, StreamProducer, StreamReader, StreamResult,
};
use wasmtime::{AsContextMut as _, StoreContextMut};

use super::{chunk, fields};
use crate::handlers::bindings::types;
use crate::handlers::memory::Charge;
use crate::handlers::state::State;

/// `body` of `patchboard:handler/types`, as the host gives it: bytes that it has anyway are
/// not copied once more on their way.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
pub(in crate::handlers) enum Body {
    #[component(name = "empty")]
    Empty,
    #[component(name = "full")]
    Full(Bytes),
    #[component(name = "streaming")]
    Streaming(types::BodyStream),
}

/// Where a body comes from.
pub(in crate::handlers) trait BodySource: Send + Unpin + 'static {
    /// The length in bytes, where it is known before the end.
    fn length(&self) -> Option<u64>;

    /// The next piece, or why there is none.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, types::BodyError>>>;
}

type End = Result<Option<types::Fields>, types::BodyError>;

/// A body as it crosses to the guest.
pub(in crate::handlers) fn stream(
    mut store: StoreContextMut<'_, State>,
    body: impl BodySource,
) -> wasmtime::Result<types::BodyStream> {
    let length = body.length();
    let (end, ended) = oneshot::channel();
    let held = store.data_mut().memory.hold(0)?;
    let content = Inflow { body, chunk: Bytes::new(), held, end: Some(end) };
    let content = StreamReader::new(store.as_context_mut(), content)?;
    let trailers = FutureReader::new(store, async {
        // The stream was closed before its end: nobody wants to know.
        wasmtime::error::Ok(ended.await.unwrap_or(Ok(None)))
    })?;
    Ok(types::BodyStream { content, trailers, length })
}

struct Inflow<S> {
    body: S,
    chunk: Bytes,
    /// For what the guest has not read of the chunk.
    held: Charge,
    end: Option<oneshot::Sender<End>>,
}

impl<S> Inflow<S> {
    fn finish(&mut self, end: End) -> StreamResult {
        if let Some(sender) = self.end.take() {
            sender.send(end).ok();
        }
        StreamResult::Dropped
    }
}

impl<S: BodySource> StreamProducer<State> for Inflow<S> {
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
        while self.chunk.is_empty() {
            let frame = match self.body.poll(cx) {
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(None) => return Poll::Ready(Ok(self.finish(Ok(None)))),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Ok(self.finish(Err(error)))),
                Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
                Poll::Pending => return Poll::Pending,
            };
            match frame.into_data() {
                Ok(data) => self.chunk = data,
                Err(frame) => {
                    let trailers = frame.into_trailers().ok();
                    let trailers = trailers.as_ref().map(fields::pack);
                    return Poll::Ready(Ok(self.finish(Ok(trailers))));
                }
            }
        }
        let this = &mut *self;
        let written = chunk::write(&mut this.chunk, store, destination);
        this.held.set(this.chunk.len())?;
        Poll::Ready(Ok(written))
    }
}
