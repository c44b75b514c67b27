//! The streams of a connection of HTTP/2, each in a task of its own on the core.
//!
//! What h2 is given of a body it keeps until the client has room for it. So it is given no more
//! than a frame that there may be no room for; and a client that makes no room for long loses its
//! stream, as one of HTTP/1.1 loses its connection.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::rt::Executor;
use tokio::time::{Instant, Sleep};

use super::events::Ending;
use super::guard::CountedBody;
use crate::body::BodyError;

/// The longest frame that clients take unless they say otherwise (RFC 9113, section 4.2).
const FRAME_BYTES: usize = 16 << 10;

tokio::task_local! {
    /// The stream whose task this is.
    static STREAM: Rc<Stream>;
}

/// A stream as its task and its body see it.
#[derive(Debug, Default)]
struct Stream {
    /// Since when what was given is with h2, and nothing more was asked for.
    full: Cell<Option<Instant>>,
}

/// Runs the streams of a connection.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    write_timeout: Duration,
}

impl Streams {
    /// A client may take nothing of a response for no longer than `write_timeout`.
    pub(super) fn new(write_timeout: Duration) -> Self {
        Self { write_timeout }
    }
}

impl<F: Future<Output = ()> + 'static> Executor<F> for Streams {
    fn execute(&self, serving: F) {
        let stream = Rc::new(Stream::default());
        let task = Task {
            serving: Box::pin(serving),
            stream: stream.clone(),
            write_timeout: self.write_timeout,
            timer: None,
        };
        tokio::task::spawn_local(STREAM.scope(stream, task));
    }
}

struct Task<F> {
    serving: Pin<Box<F>>,
    stream: Rc<Stream>,
    write_timeout: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<F: Future<Output = ()>> Future for Task<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.serving.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let Some(since) = self.stream.full.get() else { return Poll::Pending };
        let due = since + self.write_timeout;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        if timer.deadline() != due {
            timer.as_mut().reset(due);
        }
        ready!(timer.as_mut().poll(cx));
        tracing::debug!("the client takes nothing for write_timeout; its stream is reset");
        Poll::Ready(())
    }
}

/// A body that is given to h2 a frame at a time.
pub(super) struct Flowing {
    body: Ending<CountedBody>,
    /// What was not given yet of what there is.
    rest: Bytes,
    stream: Option<Rc<Stream>>,
}

impl Flowing {
    /// That of the stream whose task this is.
    pub(super) fn new(body: Ending<CountedBody>) -> Self {
        Self { body, rest: Bytes::new(), stream: STREAM.try_with(Rc::clone).ok() }
    }

    fn set_full(&self, is_full: bool) {
        if let Some(stream) = &self.stream {
            stream.full.set(is_full.then(Instant::now));
        }
    }
}

impl Drop for Flowing {
    fn drop(&mut self) {
        if !self.rest.is_empty() {
            self.body.body_mut().into_iter().for_each(CountedBody::cut);
        }
    }
}

impl Body for Flowing {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.set_full(false);
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                ended => return Poll::Ready(ended),
            }
        }
        let length = self.rest.len().min(FRAME_BYTES);
        let piece = self.rest.split_to(length);
        self.set_full(true);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // hyper asks before the first frame.
        match self.rest.is_empty() {
            true => self.body.size_hint(),
            false => SizeHint::default(),
        }
    }
}
