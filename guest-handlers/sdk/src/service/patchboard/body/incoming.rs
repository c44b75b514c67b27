//! The body of a request, as axum reads it.
//!
//! Comes in: the WIT's `body`. Goes out: an axum [`Body`] that reads the stream
//! when it is polled, so that back-pressure reaches the client, and ends with the
//! trailers or the error that the host reports.

use super::super::bindings::patchboard::handler::types::{Body as WitBody, BodyError, BodyStream, Fields};
use super::super::fields;
use super::into_source;
use axum::body::Body;
use bytes::Bytes;
use futures_util::{Stream, stream};
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use wit_bindgen::{FutureReader, StreamReader, StreamResult};

/// One read takes at most this much. Each read is a call into the host, so many
/// small ones would cost more than the copy.
const READ_BYTES: usize = 64 * 1024;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Trailers = FutureReader<Result<Option<Fields>, BodyError>>;

/// Turns the body of a request into axum's.
pub(crate) fn into_axum(body: WitBody) -> Body {
    match body {
        WitBody::Empty => Body::empty(),
        WitBody::Full(bytes) => Body::from(bytes),
        WitBody::Streaming(BodyStream { content, trailers, length }) => {
            Body::new(Incoming { frames: Box::pin(frames(content, trailers, length)), remaining: length })
        }
    }
}

struct Incoming {
    frames: Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, BoxError>> + Send>>,
    /// Bytes still to come, where the length is known.
    remaining: Option<u64>,
}

impl http_body::Body for Incoming {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = std::task::ready!(self.frames.as_mut().poll_next(context));
        if let (Some(Ok(frame)), Some(remaining)) = (&frame, &mut self.remaining) {
            let len = frame.data_ref().map_or(0, |data| data.len() as u64);
            *remaining = remaining.saturating_sub(len);
        }
        Poll::Ready(frame)
    }

    fn size_hint(&self) -> SizeHint {
        self.remaining.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// Where the reading of a body stands.
enum State {
    Content { content: StreamReader<u8>, trailers: Trailers, buffer: Vec<u8> },
    Ended,
}

fn frames(
    content: StreamReader<u8>,
    trailers: Trailers,
    length: Option<u64>,
) -> impl Stream<Item = Result<Frame<Bytes>, BoxError>> + Send {
    let read_bytes = length
        .and_then(|length| usize::try_from(length).ok())
        .map_or(READ_BYTES, |length| length.clamp(1, READ_BYTES));
    let start = State::Content { content, trailers, buffer: Vec::new() };
    stream::unfold(start, move |state| async move {
        let State::Content { mut content, trailers, mut buffer } = state else {
            return None;
        };
        buffer.reserve(read_bytes);
        let (result, mut buffer) = content.read(buffer).await;
        if let StreamResult::Complete(_) = result {
            let data = take(&mut buffer);
            let next = State::Content { content, trailers, buffer };
            return Some((Ok(Frame::data(data)), next));
        }
        let last = match trailers.await {
            Ok(None) => return None,
            Ok(Some(trailers)) => Ok(Frame::trailers(fields::unpack(trailers))),
            Err(error) => Err(into_source(error)),
        };
        Some((last, State::Ended))
    })
}

/// Takes what was read out of `buffer`. A buffer that is mostly full goes along
/// with it; out of one that is mostly empty the few bytes are copied, so that a
/// body of many tiny pieces, collected by an extractor, does not hold a whole
/// buffer for each.
fn take(buffer: &mut Vec<u8>) -> Bytes {
    if buffer.len() >= buffer.capacity() / 2 {
        return Bytes::from(std::mem::take(buffer));
    }
    let bytes = Bytes::copy_from_slice(buffer);
    buffer.clear();
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pieces_do_not_hold_the_buffer() {
        let mut buffer = Vec::with_capacity(READ_BYTES);
        buffer.extend_from_slice(b"abc");
        assert_eq!(take(&mut buffer), "abc");
        assert!(buffer.is_empty() && buffer.capacity() >= READ_BYTES);

        buffer.resize(READ_BYTES, b'x');
        assert_eq!(take(&mut buffer).len(), READ_BYTES);
        assert_eq!(buffer.capacity(), 0);
    }
}
