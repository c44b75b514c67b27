//! The body of a request on its way to a guest, held to its limit.

use std::error::Error as _;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use wasmtime_wasi_http::Error;

/// A body this long or shorter crosses with the head, if it is there already.
const INLINE_BYTES: u64 = 64 << 10;

/// A request body as it crosses to the guest.
pub(super) enum Inbound {
    Empty,
    Full(Bytes),
    Streaming(RequestBody),
}

/// A request body that is still arriving.
pub(super) struct RequestBody {
    ready: Option<Bytes>,
    rest: Incoming,
    left: u64,
    failed: Option<BodyFailure>,
    too_large: Arc<AtomicBool>,
}

/// Why a request body ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyFailure {
    TooLarge,
    Disconnected,
    Malformed,
}

impl Inbound {
    /// Takes what has arrived by now: a small body that is complete crosses whole.
    ///
    /// `too_large` is set when the body proves longer than `limit` bytes.
    pub(super) async fn receive(mut body: Incoming, limit: u64, too_large: &Arc<AtomicBool>) -> Self {
        if body.is_end_stream() {
            return Self::Empty;
        }
        let streaming = |ready: BytesMut, rest, failed| {
            let left = limit.saturating_sub(ready.len() as u64);
            let ready = (!ready.is_empty()).then(|| ready.freeze());
            Self::Streaming(RequestBody { ready, rest, left, failed, too_large: too_large.clone() })
        };
        let mut ready = BytesMut::new();
        if body.size_hint().lower() > INLINE_BYTES {
            return streaming(ready, body, None);
        }
        // hyper hands over what came with the head only after its service has
        // returned to it once.
        tokio::task::yield_now().await;
        while (ready.len() as u64) <= INLINE_BYTES.min(limit) {
            let frame = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut body).poll_frame(cx))).await;
            match frame {
                Poll::Ready(None) => return Self::whole(ready),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => {
                        ready.extend_from_slice(&data);
                        if body.is_end_stream() && ready.len() as u64 <= limit {
                            return Self::whole(ready);
                        }
                    }
                    // Trailers come last; they are of use in a stream only.
                    Err(_) => return Self::whole(ready),
                },
                Poll::Ready(Some(Err(error))) => {
                    return streaming(ready, body, Some(BodyFailure::of(&error)));
                }
                Poll::Pending => break,
            }
        }
        if ready.len() as u64 > limit {
            too_large.store(true, Ordering::Relaxed);
        }
        streaming(ready, body, None)
    }

    fn whole(bytes: BytesMut) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Full(bytes.freeze()) }
    }
}

impl BodyFailure {
    fn of(error: &hyper::Error) -> Self {
        // What the guard or hyper found wrong comes as an I/O error that names it.
        let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
        let kind = causes.find_map(|cause| Some(cause.downcast_ref::<io::Error>()?.kind()));
        match kind {
            Some(ErrorKind::InvalidData | ErrorKind::InvalidInput) => Self::Malformed,
            _ => Self::Disconnected,
        }
    }
}

impl RequestBody {
    /// The length in bytes, where `content-length` told it.
    pub(super) fn length(&self) -> Option<u64> {
        let ready = self.ready.as_ref().map_or(0, Bytes::len) as u64;
        self.rest.size_hint().exact().map(|rest| rest + ready)
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        if self.too_large.load(Ordering::Relaxed) {
            return Poll::Ready(Some(Err(BodyFailure::TooLarge)));
        }
        if let Some(ready) = self.ready.take() {
            return Poll::Ready(Some(Ok(Frame::data(ready))));
        }
        if let Some(failure) = self.failed {
            return Poll::Ready(Some(Err(failure)));
        }
        let frame = std::task::ready!(Pin::new(&mut self.rest).poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map_err(|error| BodyFailure::of(&error))?;
            let length = frame.data_ref().map_or(0, Bytes::len) as u64;
            match self.left.checked_sub(length) {
                Some(left) => self.left = left,
                None => {
                    self.too_large.store(true, Ordering::Relaxed);
                    return Err(BodyFailure::TooLarge);
                }
            }
            Ok(frame)
        }))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.poll(cx).map_err(|failure| match failure {
            BodyFailure::TooLarge => Error::HttpRequestBodySize(None),
            BodyFailure::Disconnected => Error::ConnectionTerminated,
            BodyFailure::Malformed => Error::HttpProtocolError,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.ready.is_none() && self.failed.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.length().map(SizeHint::with_exact).unwrap_or_default()
    }
}
