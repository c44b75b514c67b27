//! The body of another server's response, held to its pauses.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;
use wasmtime_wasi_http::Error;

use crate::fields::Named;
use crate::handlers::permits::Permit;

/// A response body that may pause only so long between two frames; to its end the
/// request counts as under way.
pub(super) struct ResponseBody {
    body: Incoming,
    limit: Duration,
    pause: Option<Pin<Box<Sleep>>>,
    /// What its trailers may not have.
    named: Named,
    _permit: Permit,
}

impl ResponseBody {
    pub(super) fn new(body: Incoming, limit: Duration, named: Named, permit: Permit) -> Self {
        Self { body, limit, pause: None, named, _permit: permit }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Poll::Ready(mut frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.pause = None;
            if let Some(Ok(frame)) = &mut frame
                && let Some(trailers) = frame.trailers_mut()
            {
                self.named.strip(trailers);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Error::Hyper)));
        }
        let limit = self.limit;
        let pause = self.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        pause.as_mut().poll(cx).map(|()| Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
