//! The body of every response: its end writes the access-log line.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body::{Body as _, Frame, SizeHint};

use crate::body::{Body, BodyError};
use crate::telemetry::{AccessLog, AccessRecord};

/// A body that writes the access-log line when it has ended or is given up.
#[derive(Debug)]
pub struct LoggedBody {
    pub(super) body: Body,
    pub(super) line: Line,
}

/// A line of the access log, which is written when this is dropped: at the end of the
/// response, or where the client has left before there was one.
#[derive(Debug)]
pub(super) struct Line {
    log: Option<Box<(AccessLog, AccessRecord)>>,
    start: Instant,
}

impl Line {
    pub(super) fn new(log: Option<(AccessLog, AccessRecord)>, start: Instant) -> Self {
        Self { log: log.map(Box::new), start }
    }

    fn record(&mut self) -> Option<&mut AccessRecord> {
        self.log.as_deref_mut().map(|(_, record)| record)
    }

    pub(super) fn set_handler(&mut self, handler: Arc<str>) {
        if let Some(record) = self.record() {
            record.handler = Some(handler);
        }
    }

    pub(super) fn set_route(&mut self, route: Arc<str>) {
        if let Some(record) = self.record() {
            record.route = Some(route);
        }
    }

    pub(super) fn answer(&mut self, status: StatusCode) {
        if let Some(record) = self.record() {
            record.status = status.as_u16();
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some((log, mut record)) = self.log.take().map(|log| *log) {
            record.duration = self.start.elapsed();
            log.write(&record);
        }
    }
}

impl http_body::Body for LoggedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        let ended = self.body.is_end_stream();
        if let Some(record) = self.line.record() {
            match &frame {
                Some(Ok(frame)) => {
                    record.bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
                    record.complete = ended;
                }
                Some(Err(_)) => {}
                None => record.complete = true,
            }
        }
        if let Some(Err(error)) = &frame {
            tracing::debug!(%error, "response body ended early");
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

impl Drop for LoggedBody {
    fn drop(&mut self) {
        let has_ended = self.body.is_empty() || self.body.is_end_stream();
        if let Some(record) = self.line.record() {
            // hyper does not read a body that is empty or that answers HEAD.
            record.complete |= has_ended || record.method == Some(Method::HEAD);
        }
    }
}
