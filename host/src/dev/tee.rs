//! A body that is read along as it is sent, and told of when it has ended well.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use super::answer::{Content, Reading};
use crate::body::{Body, BodyError};

/// The body, and who is told.
pub(super) struct Tee<F: FnOnce(Content)> {
    body: Body,
    reading: Reading,
    /// How long it is, where that is known before.
    length: Option<u64>,
    told: Option<F>,
}

impl<F: FnOnce(Content) + Send + Unpin + 'static> Tee<F> {
    /// The same body; `told` hears of it.
    pub(super) fn of(body: Body, told: F) -> Body {
        let length = body.size_hint().exact();
        Body::stream(Self { body, reading: Reading::default(), length, told: Some(told) })
    }
}

impl<F: FnOnce(Content)> Tee<F> {
    fn end(&mut self) {
        if let Some(told) = self.told.take() {
            told(std::mem::take(&mut self.reading).end());
        }
    }
}

impl<F: FnOnce(Content) + Unpin> http_body::Body for Tee<F> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                self.reading.add(frame.data_ref().map_or(&[][..], |data| data));
                // hyper may ask no more.
                if frame.is_trailers()
                    || self.body.is_end_stream()
                    || self.length == Some(self.reading.length())
                {
                    self.end();
                }
            }
            Some(Err(_)) => self.told = None,
            None => self.end(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
