//! A byte stream to a server, plain or TLS, and how it comes about.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::failure::Failure;
use crate::origin::{Origin, Scheme};

#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Connects to an address that was checked, never to one that a name has since then.
pub(crate) async fn connect(origin: &Origin, tls: &Arc<rustls::ClientConfig>) -> Result<Stream, Failure> {
    // An error takes the place of the one before; there is at least one address.
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in &origin.addresses {
        match TcpStream::connect(address).await {
            Ok(tcp) => {
                // What cannot be set costs time, not correctness.
                let _ = tcp.set_nodelay(true);
                return secure(tcp, origin, tls).await;
            }
            Err(error) => last = error,
        }
    }
    Err(Failure::Connect(origin.authority.clone(), last))
}

async fn secure(tcp: TcpStream, origin: &Origin, tls: &Arc<rustls::ClientConfig>) -> Result<Stream, Failure> {
    if origin.scheme == Scheme::Http {
        return Ok(Stream::Plain(tcp));
    }
    let failed = |error| Failure::Tls(origin.authority.clone(), error);
    let name = ServerName::try_from(origin.host.clone())
        .map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
    let stream = TlsConnector::from(Arc::clone(tls)).connect(name, tcp).await.map_err(failed)?;
    Ok(Stream::Tls(Box::new(stream)))
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, out),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, out),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, data),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, data),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
