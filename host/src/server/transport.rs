//! What a connection is made of.

use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpStream;

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

impl Transport for DuplexStream {
    const IS_OWN: bool = true;

    fn resets(&self, _: bool) {}
}
