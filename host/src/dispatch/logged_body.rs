//! The body of every response: the access-log line is written when it has been sent to its end,
//! and its failure comes after what was sent of it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body::{Body as _, Frame, SizeHint};

use crate::body::{Body, BodyError};
use crate::telemetry::{AccessLog, AccessRecord};

/// A body that writes the access-log line when it is given up, and has it written when it was
/// sent.
#[derive(Debug)]
pub struct LoggedBody {
    body: Body,
    line: Line,
    /// What the head says of its length, in bytes, where that is not the body's own to know.
    length: Option<u64>,
    /// Told at the next poll: a connection that is to be cut loses what hyper has not yet
    /// written, so it is let write the head, and what came before.
    failed: Option<BodyError>,
}

impl LoggedBody {
    pub(super) fn new(body: Body, line: Line, length: Option<u64>) -> Self {
        Self { body, line, length, failed: None }
    }

    /// The line of a body that the connection has taken to its end, and that is yet to be sent;
    /// none of another, which is written when this is dropped.
    pub fn unsent(&mut self) -> Option<Unsent> {
        let has_ended = self.body.is_empty() || self.body.is_end_stream();
        let length = self.length;
        let record = self.line.record()?;
        // hyper does not read a body that is empty or that answers HEAD, and of one with a
        // length no more than that.
        let is_complete = record.complete
            || has_ended
            || record.method == Some(Method::HEAD)
            || length == Some(record.bytes);
        record.complete = false;
        is_complete.then(|| Unsent(self.line.take()))
    }

    /// Whether it is produced as it is sent.
    pub fn is_streaming(&self) -> bool {
        self.body.is_streaming()
    }
}

/// The line of a response that is complete as soon as it is sent. Where it is dropped before,
/// the line says that it was not.
#[derive(Debug)]
pub struct Unsent(Line);

impl Unsent {
    /// The response was sent to its end.
    pub fn sent(mut self) {
        if let Some(record) = self.0.record() {
            record.complete = true;
        }
    }
}

/// A line of the access log, which is written when this is dropped: at the end of the
/// response, or where the client has left before there was one.
#[derive(Debug)]
pub(super) struct Line {
    log: Option<Box<(AccessLog, AccessRecord)>>,
    start: Instant,
    /// Whether it is not written where the request goes well.
    is_quiet: bool,
}

impl Line {
    pub(super) fn new(log: Option<(AccessLog, AccessRecord)>, start: Instant, is_quiet: bool) -> Self {
        Self { log: log.map(Box::new), start, is_quiet }
    }

    /// To be written elsewhere.
    fn take(&mut self) -> Self {
        Self { log: self.log.take(), start: self.start, is_quiet: self.is_quiet }
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
        if self.is_quiet && !status.is_client_error() && !status.is_server_error() {
            self.log = None;
        }
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
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        let ended = self.body.is_end_stream();
        if let Some(record) = self.line.record() {
            match &frame {
                Some(Ok(frame)) => {
                    record.bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
                    // After trailers there is nothing, and hyper does not ask.
                    record.complete = ended || frame.is_trailers();
                }
                Some(Err(_)) => {}
                None => record.complete = true,
            }
        }
        if let Some(Err(error)) = frame {
            tracing::debug!(%error, "response body ended early");
            self.failed = Some(error);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.failed.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for LoggedBody {
    fn drop(&mut self) {
        // Nobody has taken it who knows when it is sent.
        self.unsent().into_iter().for_each(Unsent::sent);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::io;

    use futures_util::stream;
    use http::Response;
    use http_body_util::StreamBody;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// What a client sees of a body that has these chunks and then fails, all at once.
    async fn seen(chunks: &'static [&'static str]) -> String {
        let (mut client, server) = tokio::io::duplex(4096);
        let service = service_fn(move |_| {
            let failure = Err(BodyError::from(io::Error::other("failed")));
            let frames = chunks.iter().map(|chunk| Ok(Frame::data(Bytes::from(*chunk)))).chain([failure]);
            let body = Body::stream(StreamBody::new(stream::iter(frames)));
            let body = LoggedBody::new(body, Line::new(None, Instant::now(), false), None);
            async { Ok::<_, Infallible>(Response::new(body)) }
        });
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let mut text = String::new();
        let connection = http1::Builder::new().serve_connection(TokioIo::new(server), service);
        let (served, read) = tokio::join!(connection, client.read_to_string(&mut text));
        assert!(served.is_err() && read.is_ok(), "the connection is cut");
        text
    }

    #[tokio::test]
    async fn what_came_before_a_failure_is_sent_before_the_connection_is_cut() {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n";
        assert!(seen(&[]).await.starts_with(head), "the head is lost");
        let text = seen(&["one", "two"]).await;
        assert!(text.starts_with(head) && text.ends_with("3\r\none\r\n3\r\ntwo\r\n"), "{text:?}");
    }
}
