//! The body of a response, as the host takes it.
//!
//! Comes in: an axum [`Body`]. Goes out: the WIT's `body`: `full`, in the same
//! call as the head, where the body is small and ready now; else `streaming`,
//! written by a task of its own, at the pace at which the host reads.

use super::super::bindings::patchboard::handler::types::{Body as WitBody, BodyError, BodyStream, Fields};
use super::super::bindings::{wit_future, wit_stream};
use super::super::{fields, leave};
use axum::body::Body;
use http::HeaderMap;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use wit_bindgen::{FutureWriter, StreamWriter};

/// A body up to this long crosses in one call. It bounds what is copied, and what
/// the host must hold, before the first byte can leave.
const FULL_BYTES: u64 = 64 * 1024;

/// Turns the body of a response into the host's.
pub(crate) fn into_wit(body: Body) -> WitBody {
    let (body, rest) = begin(body);
    if let Some(rest) = rest {
        // Also where it waits for something else than its reader.
        wit_bindgen::spawn_local(async move {
            leave::unless_over(rest).await;
        });
    }
    body
}

/// Turns a body into the host's, and where not all of it crosses at once, into what writes
/// the rest.
pub(crate) fn begin(mut body: Body) -> (WitBody, Option<impl Future<Output = ()> + 'static>) {
    let length = body.size_hint().exact();
    if body.is_end_stream() || length == Some(0) {
        return (WitBody::Empty, None);
    }
    let start = match length {
        Some(length) if length <= FULL_BYTES => match collect_now(&mut body) {
            Collected::All(bytes) => return (WitBody::Full(bytes), None),
            Collected::Start(start) => start,
        },
        _ => Start::default(),
    };
    let (content, content_reader) = wit_stream::new();
    let (trailers, trailers_reader) = wit_future::new(|| Err(BodyError::Disconnected));
    let stream = BodyStream { content: content_reader, trailers: trailers_reader, length };
    (WitBody::Streaming(stream), Some(write(start, body, content, trailers)))
}

enum Collected {
    All(Vec<u8>),
    Start(Start),
}

/// What a body has given before it had to be waited for.
#[derive(Default)]
struct Start {
    data: Vec<u8>,
    /// Its last frame, where that was not data.
    end: Option<Result<HeaderMap, axum::Error>>,
}

/// Polls the body to its end, without waiting.
fn collect_now(body: &mut Body) -> Collected {
    let mut context = Context::from_waker(Waker::noop());
    let mut data = Vec::new();
    while !body.is_end_stream() {
        let end = match Pin::new(&mut *body).poll_frame(&mut context) {
            Poll::Ready(None) => break,
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(bytes) if data.is_empty() => {
                    data = Vec::from(bytes);
                    continue;
                }
                Ok(bytes) => {
                    data.extend_from_slice(&bytes);
                    continue;
                }
                Err(frame) => frame.into_trailers().ok().map(Ok),
            },
            Poll::Ready(Some(Err(error))) => Some(Err(error)),
            Poll::Pending => None,
        };
        return Collected::Start(Start { data, end });
    }
    Collected::All(data)
}

type Trailers = FutureWriter<Result<Option<Fields>, BodyError>>;

/// Writes the body until it ends, fails, or nobody reads it any more; then it is
/// dropped, and with it whatever it holds.
async fn write(start: Start, body: Body, mut content: StreamWriter<u8>, trailers: Trailers) {
    let end = write_content(start, body, &mut content).await;
    drop(content);
    let result = match end {
        // The reader of the trailers is the one who has gone.
        End::Unread => return,
        End::Complete(trailers) => Ok(trailers.as_ref().map(fields::pack)),
        End::Failed(error) => {
            // The host knows only that the body broke off; the cause is said here.
            tracing::error!("response body failed: {error}");
            Err(body_error(&error))
        }
    };
    // Fails if the host is not interested, which is its own affair.
    let _ = trailers.write(result).await;
}

enum End {
    Complete(Option<HeaderMap>),
    Failed(axum::Error),
    Unread,
}

async fn write_content(start: Start, mut body: Body, content: &mut StreamWriter<u8>) -> End {
    if !start.data.is_empty() && !content.write_all(start.data).await.is_empty() {
        return End::Unread;
    }
    match start.end {
        Some(Ok(trailers)) => return End::Complete(Some(trailers)),
        Some(Err(error)) => return End::Failed(error),
        None => {}
    }
    loop {
        let frame = match body.frame().await {
            None => return End::Complete(None),
            Some(Err(error)) => return End::Failed(error),
            Some(Ok(frame)) => frame,
        };
        match frame.into_data() {
            Ok(bytes) => {
                if !content.write_all(Vec::from(bytes)).await.is_empty() {
                    return End::Unread;
                }
            }
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    return End::Complete(Some(trailers));
                }
            }
        }
    }
}

/// What the host is told. A request body that is passed on fails as it came.
fn body_error(error: &axum::Error) -> BodyError {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<BodyError>() {
            return *error;
        }
        source = cause.source();
    }
    BodyError::Disconnected
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use futures_util::stream;

    #[test]
    fn small_bodies_that_are_ready_are_full() {
        for text in ["x", "Hello, world"] {
            let WitBody::Full(bytes) = into_wit(Body::from(text)) else {
                panic!("{text} is not full");
            };
            assert_eq!(bytes, text.as_bytes());
        }
        assert!(matches!(into_wit(Body::empty()), WitBody::Empty));
        assert!(matches!(into_wit(Body::from("")), WitBody::Empty));
    }

    #[test]
    fn a_body_that_is_not_ready_is_collected_as_far_as_it_goes() {
        let frames = stream::iter([Ok::<_, BodyError>(Bytes::from_static(b"ab"))]);
        let mut body = Body::from_stream(stream::StreamExt::chain(frames, stream::pending()));
        let Collected::Start(start) = collect_now(&mut body) else {
            panic!("the body has no end");
        };
        assert_eq!(start.data, b"ab");
        assert!(start.end.is_none());
    }

    #[test]
    fn an_error_that_is_passed_on_keeps_its_kind() {
        assert_eq!(body_error(&axum::Error::new(BodyError::TimedOut)), BodyError::TimedOut);
        assert_eq!(body_error(&axum::Error::new(std::fmt::Error)), BodyError::Disconnected);
    }
}
