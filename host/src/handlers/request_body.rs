//! The body of a request on its way to a guest, held to its limit.

use std::error::Error as _;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;
use wasmtime_wasi_http::Error;

use super::error::CallError;
use crate::config::Limits;
use crate::fields::may_trail;
use crate::upload::{SILENCE, Upload};

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
    /// Boxed, since hardly any request has some.
    trailers: Option<Box<HeaderMap>>,
    rest: Arc<Kept>,
    left: u64,
    failed: Option<BodyFailure>,
    faults: Arc<Faults>,
    idle_timeout: Duration,
    idle: Option<Pin<Box<Sleep>>>,
}

/// What is still to come of a body. A guest may keep it when its call is over, and read no
/// more of it, which would hold up the next request of the connection.
#[derive(Debug)]
pub(super) struct Kept {
    /// None where it was given back.
    upload: Mutex<Option<Upload>>,
    reads: AtomicU32,
}

impl Kept {
    fn lock(&self) -> MutexGuard<'_, Option<Upload>> {
        self.upload.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_frame(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        let mut upload = self.lock();
        self.reads.fetch_add(1, Ordering::Relaxed);
        let Some(upload) = &mut *upload else {
            return Poll::Ready(Some(Err(BodyFailure::Disconnected)));
        };
        Pin::new(upload).poll_frame(cx).map_err(|error| BodyFailure::of(&error))
    }

    /// To be awaited when its call is over: gives it back to its connection where nobody reads
    /// it any more.
    pub(super) async fn give_back(this: Weak<Self>) {
        let mut before = None;
        while let Some(kept) = this.upgrade() {
            let reads = kept.reads.load(Ordering::Relaxed);
            if before.replace(reads) == Some(reads) {
                kept.lock().take();
                return;
            }
            drop(kept);
            tokio::time::sleep(SILENCE).await;
        }
    }
}

/// What was wrong with a body, whatever the guest made of it.
#[derive(Debug, Default)]
pub(super) struct Faults {
    too_large: AtomicBool,
    too_slow: AtomicBool,
    /// Its reader was told so.
    broken: AtomicBool,
}

impl Faults {
    /// The failure of the call that follows from it, where the guest has answered `status`, or
    /// what stands for its failure. A body that breaks off or is malformed is the client's
    /// doing, but for most guests an error they did not expect, a 500, or one that they hand on:
    /// a 502.
    pub(super) fn error(&self, limits: &Limits, status: StatusCode) -> Option<CallError> {
        if self.too_large.load(Ordering::Relaxed) {
            return Some(CallError::RequestTooLarge);
        }
        if self.too_slow.load(Ordering::Relaxed) {
            return Some(CallError::RequestTooSlow(limits.body_idle_timeout));
        }
        let broken = self.broken.load(Ordering::Relaxed);
        let follows = matches!(status, StatusCode::INTERNAL_SERVER_ERROR | StatusCode::BAD_GATEWAY);
        (broken && follows).then_some(CallError::RequestBroken)
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
        let streaming = |ready: BytesMut, trailers, rest, failed| {
            let left = limit.saturating_sub(ready.len() as u64);
            let ready = (!ready.is_empty()).then(|| ready.freeze());
            Self::Streaming(RequestBody {
                ready,
                trailers,
                rest: Arc::new(Kept { upload: Mutex::new(Some(rest)), reads: AtomicU32::new(0) }),
                left,
                failed,
                faults: faults.clone(),
                idle_timeout: limits.body_idle_timeout,
                idle: None,
            })
        };
        let mut ready = BytesMut::new();
        if body.size_hint().lower() > INLINE_BYTES {
            return streaming(ready, None, body, None);
        }
        // hyper hands over what came with the head only after its service has
        // returned to it once.
        tokio::task::yield_now().await;
        while (ready.len() as u64) <= INLINE_BYTES.min(limit) {
            let frame = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut body).poll_frame(cx))).await;
            match frame {
                Poll::Ready(None) => return Self::whole(ready),
                Poll::Ready(Some(Ok(frame))) => match of_guest(frame).map(Frame::into_data) {
                    None => return Self::whole(ready),
                    Some(Ok(data)) => {
                        ready.extend_from_slice(&data);
                        if body.is_end_stream() && ready.len() as u64 <= limit {
                            return Self::whole(ready);
                        }
                    }
                    // Only a stream has room for them.
                    Some(Err(frame)) => {
                        let trailers = frame.into_trailers().ok().map(Box::new);
                        return streaming(ready, trailers, body, None);
                    }
                },
                Poll::Ready(Some(Err(error))) => {
                    return streaming(ready, None, body, Some(BodyFailure::of(&error)));
                }
                Poll::Pending => break,
            }
        }
        if ready.len() as u64 > limit {
            faults.too_large.store(true, Ordering::Relaxed);
        }
        streaming(ready, None, body, None)
    }

    fn whole(bytes: BytesMut) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Full(bytes.freeze()) }
    }
}

/// What a guest gets of `frame`: of trailers, those that it may see, if there are any.
fn of_guest(frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
    let mut trailers = match frame.into_trailers() {
        Ok(trailers) => trailers,
        Err(frame) => return Some(frame),
    };
    let refused: Vec<_> = trailers.keys().filter(|name| !may_trail(name)).cloned().collect();
    for name in refused {
        trailers.remove(name);
    }
    (!trailers.is_empty()).then(|| Frame::trailers(trailers))
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
        let rest = self.rest.lock().as_ref().and_then(|rest| rest.size_hint().exact());
        rest.map(|rest| rest + ready)
    }

    /// What is still to come.
    pub(super) fn rest(&self) -> Weak<Kept> {
        Arc::downgrade(&self.rest)
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        let next = self.next(cx);
        if let Poll::Ready(Some(Err(BodyFailure::Disconnected | BodyFailure::Malformed))) = next {
            self.faults.broken.store(true, Ordering::Relaxed);
        }
        next
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        if self.faults.too_large.load(Ordering::Relaxed) {
            return Poll::Ready(Some(Err(BodyFailure::TooLarge)));
        }
        if let Some(ready) = self.ready.take() {
            return Poll::Ready(Some(Ok(Frame::data(ready))));
        }
        if let Some(trailers) = self.trailers.take() {
            return Poll::Ready(Some(Ok(Frame::trailers(*trailers))));
        }
        if let Some(failure) = self.failed {
            return Poll::Ready(Some(Err(failure)));
        }
        let Poll::Ready(frame) = self.rest.poll_frame(cx) else {
            let limit = self.idle_timeout;
            let idle = self.idle.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
            std::task::ready!(idle.as_mut().poll(cx));
            self.faults.too_slow.store(true, Ordering::Relaxed);
            self.failed = Some(BodyFailure::TooSlow);
            return Poll::Ready(Some(Err(BodyFailure::TooSlow)));
        };
        self.idle = None;
        let frame = match frame {
            Some(Ok(frame)) => of_guest(frame),
            Some(Err(failure)) => return Poll::Ready(Some(Err(failure))),
            None => None,
        };
        let length = frame.as_ref().and_then(Frame::data_ref).map_or(0, Bytes::len) as u64;
        Poll::Ready(match self.left.checked_sub(length) {
            Some(left) => {
                self.left = left;
                frame.map(Ok)
            }
            None => {
                self.faults.too_large.store(true, Ordering::Relaxed);
                Some(Err(BodyFailure::TooLarge))
            }
        })
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
        self.ready.is_none()
            && self.trailers.is_none()
            && self.failed.is_none()
            && self.rest.lock().as_ref().is_some_and(Upload::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.length().map(SizeHint::with_exact).unwrap_or_default()
    }
}
