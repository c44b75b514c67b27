//! Bodies that are complete as soon as their head is, though they come as a stream; and
//! those that have failed by then.
//!
//! A `wasi:http` 0.2 guest hands its response over before it writes the body, and
//! mostly writes it at once. So the body gets a few of the guest's turns to be
//! complete; it then leaves in one write with its head, and with its length. In every
//! world, a body whose failure is known before its head has left is a failed call.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http_body::{Body as _, Frame, SizeHint};

use super::turn::turn;
use crate::body::{Body, BodyError};

/// Turns that a guest gets to complete the body that it has begun; each piece it writes
/// may take it one, and most bodies are complete after four.
const TURNS: usize = 8;
/// After so many of them the core looks for I/O in between, as it does before it goes
/// on with a guest that a tick has interrupted.
const TURNS_AT_ONCE: usize = 6;
/// A longer body streams.
const WHOLE_BYTES: usize = 64 << 10;

/// Takes what there is of the body, for at most a few turns of the guest, never for time
/// or for I/O; a body that is complete by then is whole.
///
/// # Errors
///
/// If the body has failed by then.
pub(super) async fn gather(response: Response<Body>) -> Result<Response<Body>, BodyError> {
    if !response.body().is_streaming() {
        return Ok(response);
    }
    let (head, mut rest) = response.into_parts();
    let mut frames = VecDeque::new();
    let mut length = 0;
    for number in 0..=TURNS {
        loop {
            let next = poll_fn(|cx| Poll::Ready(Pin::new(&mut rest).poll_frame(cx))).await;
            match next {
                Poll::Pending => break,
                Poll::Ready(None) => return Ok(Response::from_parts(head, whole(&frames, length))),
                Poll::Ready(Some(frame)) => {
                    let frame = frame?;
                    let data = frame.data_ref();
                    length += data.map_or(0, Bytes::len);
                    // Trailers have to come in their place.
                    let ends = data.is_none() || length > WHOLE_BYTES;
                    frames.push_back(frame);
                    if ends {
                        return Ok(Response::from_parts(head, Body::stream(Begun { frames, rest })));
                    }
                }
            }
        }
        match number {
            TURNS => {}
            0..TURNS_AT_ONCE => turn().await,
            _ => tokio::task::yield_now().await,
        }
    }
    let body = if frames.is_empty() { rest } else { Body::stream(Begun { frames, rest }) };
    Ok(Response::from_parts(head, body))
}

/// `frames` hold nothing but data.
fn whole(frames: &VecDeque<Frame<Bytes>>, length: usize) -> Body {
    let mut chunks = frames.iter().filter_map(Frame::data_ref);
    match frames.len() {
        1 => chunks.next().map_or_else(Body::empty, |only| Body::full(only.clone())),
        _ => Body::full(chunks.fold(Vec::with_capacity(length), |mut bytes, chunk| {
            bytes.extend_from_slice(chunk);
            bytes
        })),
    }
}

/// A body whose beginning was read already.
struct Begun {
    frames: VecDeque<Frame<Bytes>>,
    rest: Body,
}

impl http_body::Body for Begun {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.frames.pop_front() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let data = self.frames.iter().filter_map(Frame::data_ref);
        let begun = data.map(|data| data.len() as u64).sum::<u64>();
        // Where only the head has the length, hyper takes it from there.
        self.rest.size_hint().exact().map(|rest| SizeHint::with_exact(begun + rest)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt as _, StreamBody};

    /// A body that yields these pieces; an empty one stands for another turn.
    fn body(pieces: &[&'static str]) -> Body {
        let pieces: Vec<_> = pieces.to_vec();
        let frames = futures_util::stream::unfold(pieces.into_iter(), |mut pieces| async move {
            loop {
                match pieces.next()? {
                    "" => turn().await,
                    "error" => return Some((Err("error".into()), pieces)),
                    "trailers" => return Some((Ok(Frame::trailers(http::HeaderMap::new())), pieces)),
                    piece => return Some((Ok(Frame::data(Bytes::from(piece))), pieces)),
                }
            }
        });
        Body::stream(StreamBody::new(frames))
    }

    /// Whether it streams, and what comes of it; none where it is a failed call.
    async fn gathered(pieces: &[&'static str]) -> Option<(bool, String)> {
        let response = gather(Response::new(body(pieces))).await.ok()?;
        let streams = response.body().is_streaming();
        Some(match response.into_body().collect().await {
            Ok(body) => (streams, String::from_utf8(body.to_bytes().into()).unwrap()),
            Err(error) => (streams, error.to_string()),
        })
    }

    #[tokio::test]
    async fn what_is_complete_within_a_few_turns_is_whole() {
        for (pieces, streams, text) in [
            (&[][..], false, ""),
            (&["a"], false, "a"),
            (&["a", "b", "", "c"], false, "abc"),
            (&["", "", "a"], false, "a"),
            (&["a", "", "", "", "", "", "", "", "", "", "b"], true, "ab"),
            (&["a", "trailers"], true, "a"),
        ] {
            assert_eq!(gathered(pieces).await, Some((streams, text.to_owned())), "{pieces:?}");
        }
    }

    #[tokio::test]
    async fn what_has_failed_before_its_head_left_is_no_response() {
        for pieces in [&["error"][..], &["", "error"], &["a", "error"], &["a", "", "error"]] {
            assert_eq!(gathered(pieces).await, None, "{pieces:?}");
        }
        let later = gathered(&["a", "", "", "", "", "", "", "", "", "", "error"]).await;
        assert_eq!(later, Some((true, "error".to_owned())));
    }

    #[tokio::test]
    async fn a_long_body_streams() {
        let long: &'static str = "x".repeat(WHOLE_BYTES + 1).leak();
        assert_eq!(gathered(&[long]).await, Some((true, long.to_owned())));
    }
}
