//! A connection of HTTP/1.1: one request is written, and its response read, at a time.
//!
//! Both go on at once, so that a server that answers before it has read the request is
//! heard. What comes in is read into a buffer that all connections of a thread share,
//! so memory does not grow with their number.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Reply;
use super::response::{Method, Response};
use super::stream::Stream;
use crate::failure::Failure;

/// Where all connections of a thread read to.
pub(crate) type Buffer = Rc<RefCell<Box<[u8]>>>;

#[derive(Debug)]
pub(crate) struct Http1 {
    stream: Stream,
    response: Response,
    buffer: Buffer,
}

impl Http1 {
    pub(crate) fn new(stream: Stream, buffer: Buffer) -> Self {
        Self { stream, response: Response::new(), buffer }
    }

    /// Whether the server has closed the connection, or sent what nobody asked for,
    /// since the last response. Asks the kernel only if it has told of something.
    pub(crate) async fn is_stale(&mut self) -> bool {
        poll_fn(|cx| {
            let mut byte = [0];
            Poll::Ready(Pin::new(&mut self.stream).poll_read(cx, &mut ReadBuf::new(&mut byte)).is_ready())
        })
        .await
    }

    /// Sends a message and reads what answers it; the body goes to `kept`.
    pub(crate) async fn exchange(
        &mut self,
        message: &[u8],
        method: Method,
        mut kept: Option<&mut Vec<u8>>,
    ) -> Result<Reply, Failure> {
        self.response.expect(method);
        let (mut unsent, mut received, mut refused) = (message, 0, None);
        poll_fn(|cx| {
            if let Poll::Ready(Err(error)) = self.poll_send(cx, &mut unsent) {
                // There may be an answer nevertheless, which says why.
                (refused, unsent) = (Some(error), &[]);
            }
            self.poll_receive(cx, &mut received, kept.as_deref_mut())
        })
        .await
        .map_err(|failure| match (failure, refused.take()) {
            (Failure::Closed(_) | Failure::Broken(_), Some(error)) => Failure::Broken(error),
            (failure, _) => failure,
        })?;
        let reusable = self.response.allows_another() && unsent.is_empty() && refused.is_none();
        Ok(Reply { status: self.response.status(), received, reusable })
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, unsent: &mut &[u8]) -> Poll<io::Result<()>> {
        while !unsent.is_empty() {
            let sent = ready!(Pin::new(&mut self.stream).poll_write(cx, unsent))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *unsent = unsent.get(sent..).unwrap_or_default();
        }
        // TLS may hold some of it back; a socket does not.
        match &mut self.stream {
            Stream::Plain(_) => Poll::Ready(Ok(())),
            Stream::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        received: &mut u64,
        mut kept: Option<&mut Vec<u8>>,
    ) -> Poll<Result<(), Failure>> {
        let mut buffer = self.buffer.borrow_mut();
        while !self.response.is_complete() {
            let mut read = ReadBuf::new(&mut buffer);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read)).map_err(Failure::Broken)?;
            let data = read.filled();
            *received += data.len() as u64;
            if data.is_empty() {
                self.response.end()?;
            } else {
                self.response.feed(data, kept.as_deref_mut())?;
            }
        }
        Poll::Ready(Ok(()))
    }
}
