//! The body of every response: its end writes the access-log line.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::Method;
use http_body::{Body as _, Frame, SizeHint};

use crate::body::{Body, BodyError};
use crate::telemetry::{AccessLog, AccessRecord};

/// A body that writes the access-log line when it has ended or is given up.
#[derive(Debug)]
pub struct LoggedBody {
    pub(super) body: Body,
    pub(super) log: Option<Box<(AccessLog, AccessRecord)>>,
    pub(super) start: Instant,
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
        if let Some((_, record)) = self.log.as_deref_mut() {
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
        if let Some((log, mut record)) = self.log.take().map(|log| *log) {
            // hyper does not read a body that is empty or that answers HEAD.
            record.complete |= self.body.is_end_stream() || record.method == Some(Method::HEAD);
            record.duration = self.start.elapsed();
            log.write(&record);
        }
    }
}
