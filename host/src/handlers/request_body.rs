//! The body of a request on its way to a guest, held to its limit.

use std::error::Error as _;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;
use wasmtime_wasi_http::Error;

use super::error::CallError;
use crate::config::Limits;
use crate::upload::Upload;

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
    rest: Upload,
    left: u64,
    failed: Option<BodyFailure>,
    faults: Arc<Faults>,
    idle_timeout: Duration,
    idle: Option<Pin<Box<Sleep>>>,
}

/// What was wrong with a body, whatever the guest made of it.
#[derive(Debug, Default)]
pub(super) struct Faults {
    too_large: AtomicBool,
    too_slow: AtomicBool,
}

impl Faults {
    /// The failure of the call that follows from it.
    pub(super) fn error(&self, limits: &Limits) -> Option<CallError> {
        if self.too_large.load(Ordering::Relaxed) {
            return Some(CallError::RequestTooLarge);
        }
        let too_slow = self.too_slow.load(Ordering::Relaxed);
        too_slow.then_some(CallError::RequestTooSlow(limits.body_idle_timeout))
    }
}

/// Why a request body ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyFailure {
    TooLarge,
    TooSlow,
    Disconnected,
    Malformed,
}

impl Inbound {
    /// Takes what has arrived by now: a small body that is complete crosses whole.
    ///
    /// `faults` are set when the body proves too long, or too slow.
    pub(super) async fn receive(mut body: Upload, limits: &Limits, faults: &Arc<Faults>) -> Self {
        let limit = limits.request_body_bytes;
        if body.is_end_stream() {
            return Self::Empty;
        }
        let streaming = |ready: BytesMut, rest, failed| {
            let left = limit.saturating_sub(ready.len() as u64);
            let ready = (!ready.is_empty()).then(|| ready.freeze());
            Self::Streaming(RequestBody {
                ready,
                rest,
                left,
                failed,
                faults: faults.clone(),
                idle_timeout: limits.body_idle_timeout,
                idle: None,
            })
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
            faults.too_large.store(true, Ordering::Relaxed);
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
        if self.faults.too_large.load(Ordering::Relaxed) {
            return Poll::Ready(Some(Err(BodyFailure::TooLarge)));
        }
        if let Some(ready) = self.ready.take() {
            return Poll::Ready(Some(Ok(Frame::data(ready))));
        }
        if let Some(failure) = self.failed {
            return Poll::Ready(Some(Err(failure)));
        }
        let Poll::Ready(frame) = Pin::new(&mut self.rest).poll_frame(cx) else {
            let limit = self.idle_timeout;
            let idle = self.idle.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
            std::task::ready!(idle.as_mut().poll(cx));
            self.faults.too_slow.store(true, Ordering::Relaxed);
            self.failed = Some(BodyFailure::TooSlow);
            return Poll::Ready(Some(Err(BodyFailure::TooSlow)));
        };
        self.idle = None;
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map_err(|error| BodyFailure::of(&error))?;
            let length = frame.data_ref().map_or(0, Bytes::len) as u64;
            match self.left.checked_sub(length) {
                Some(left) => self.left = left,
                None => {
                    self.faults.too_large.store(true, Ordering::Relaxed);
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
            BodyFailure::TooSlow => Error::ConnectionReadTimeout,
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
