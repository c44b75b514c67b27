//! What a connection is made of.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A stream of bytes both ways.
pub(super) trait Transport: AsyncRead + AsyncWrite + Unpin {
    /// Whether the other side is a handler of this server.
    const IS_OWN: bool;

    /// Whether it is reset where it is dropped, which throws away what the other side has not
    /// taken, and does not look like the end of what was sent.
    fn resets(&self, does: bool);
}

impl Transport for TcpStream {
    const IS_OWN: bool = false;

    fn resets(&self, does: bool) {
        // It would otherwise wait in the kernel.
        SockRef::from(self).set_linger(does.then_some(Duration::ZERO)).ok();
    }
}

impl Transport for TlsStream<TcpStream> {
    const IS_OWN: bool = false;

    fn resets(&self, does: bool) {
        self.get_ref().0.resets(does);
    }
}

impl Transport for DuplexStream {
    const IS_OWN: bool = true;

    fn resets(&self, _: bool) {}
}

/// A connection within the process whose other side is no handler of this server.
#[derive(Debug)]
pub(super) struct Piped(pub(super) DuplexStream);

impl Transport for Piped {
    const IS_OWN: bool = false;

    fn resets(&self, _: bool) {}
}

impl AsyncRead for Piped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Piped {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
