//! The bytes of a connection of HTTP/2 on their way, for what has to be known of them.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::guard::Watch;
use super::transport::Transport;

/// The bytes of `io`, seen by a [`Watch`].
#[derive(Debug)]
pub(super) struct Meter<IO: Transport> {
    io: IO,
    watch: Rc<Watch>,
}

impl<IO: Transport> Meter<IO> {
    pub(super) fn new(io: IO, watch: Rc<Watch>) -> Self {
        Self { io, watch }
    }
}

impl<IO: Transport> Drop for Meter<IO> {
    fn drop(&mut self) {
        if self.watch.is_stuck() {
            self.io.resets(true);
        }
    }
}

impl<IO: Transport> AsyncRead for Meter<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if read.is_pending() {
            self.watch.wait(false);
        }
        read
    }
}

impl<IO: Transport> AsyncWrite for Meter<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.watch.write(written.is_pending());
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        self.watch.flush();
        self.watch.wait(false);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.watch.write(written.is_pending());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
