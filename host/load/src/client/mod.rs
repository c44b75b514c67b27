//! The client's side of HTTP: connections, and one exchange of a request for its
//! response on them. Whose turn it is, and what is counted, is not its concern.

mod chunked;
mod deadline;
mod http1;
mod http2;
mod reply;
mod response;
mod stream;
mod tls;

use std::sync::Arc;

pub(crate) use self::deadline::Deadline;
pub(crate) use self::http1::Buffer;
pub(crate) use self::reply::Reply;
pub(crate) use self::tls::{Trust, config as tls_config};

use self::http1::Http1;
use self::http2::Http2;
use self::response::Method;
use crate::failure::Failure;
use crate::origin::Origin;
use crate::request::{Prepared, Scratch};

/// Which version is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

#[derive(Debug)]
pub(crate) enum Connection {
    Http1(Http1),
    Http2(Http2),
}

impl Connection {
    pub(crate) async fn open(
        origin: &Origin,
        protocol: Protocol,
        tls: &Arc<rustls::ClientConfig>,
        buffer: &Buffer,
    ) -> Result<Self, Failure> {
        let stream = stream::connect(origin, tls).await?;
        Ok(match protocol {
            Protocol::Http1 => Self::Http1(Http1::new(stream, Buffer::clone(buffer))),
            Protocol::Http2 => Self::Http2(Http2::new(stream).await?),
        })
    }

    pub(crate) async fn is_stale(&mut self) -> bool {
        match self {
            Self::Http1(connection) => connection.is_stale().await,
            Self::Http2(connection) => connection.is_stale(),
        }
    }

    /// Sends a request; gives what answers it, and how many bytes were sent.
    pub(crate) async fn exchange(
        &mut self,
        request: &Prepared,
        seq: u64,
        origin: &Origin,
        scratch: &mut Scratch,
        kept: Option<&mut Vec<u8>>,
    ) -> Result<(Reply, u64), Failure> {
        match self {
            Self::Http1(connection) => {
                let method = if request.is_head() { Method::Head } else { Method::Other };
                let message = request.http1(seq, scratch);
                let reply = connection.exchange(message, method, kept).await?;
                Ok((reply, message.len() as u64))
            }
            Self::Http2(connection) => {
                let message = request.http2(seq, origin)?;
                let sent = hyper::body::Body::size_hint(message.body()).lower();
                Ok((connection.exchange(message, kept).await?, sent))
            }
        }
    }
}
