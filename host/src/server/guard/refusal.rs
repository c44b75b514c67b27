//! A refused head and its answer, which is the last on its connection.

use std::time::{Duration, Instant, SystemTime};

use bytes::BytesMut;
use http::header::{CONNECTION, CONTENT_LENGTH, DATE};
use http::{HeaderValue, Method, Response, Uri};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::fault::HeadFault;
use super::line::trim;
use crate::dispatch::{LoggedBody, Refused, Unsent};
use crate::upload::{LINGER, SILENCE};

/// What is read at once of what is dropped.
const READ_BYTES: usize = 16 << 10;
/// How long the answer may take to be taken.
const WRITE: Duration = Duration::from_secs(1);

/// A head that was refused.
#[derive(Debug)]
pub(in crate::server) struct Refusal {
    fault: HeadFault,
    /// What there is of the head, and maybe more.
    head: Box<[u8]>,
    begun: Instant,
}

impl Refusal {
    pub(super) fn new(fault: HeadFault, head: &[u8], begun: Instant) -> Self {
        Self { fault, head: head.into(), begun }
    }

    /// As dispatch sees it: what can be told of the request is told.
    pub(in crate::server) fn refused(&self) -> Refused {
        let lines = self.head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
        let mut lines = lines.skip_while(|line| line.is_empty());
        let mut words = lines.next().unwrap_or_default().split(|byte| *byte == b' ');
        let (method, target, rest) = (words.next(), words.next(), words.next());
        let accept = lines.take_while(|line| !line.is_empty()).find_map(|line| {
            let (name, value) = line.split_at_checked(7)?;
            let is_accept = name.eq_ignore_ascii_case(b"accept:");
            is_accept.then(|| HeaderValue::from_bytes(trim(value)).ok()).flatten()
        });
        Refused {
            status: self.fault.status(),
            detail: self.fault.to_string(),
            is_shown: false,
            // A word is whole if there is another after it.
            method: target.and(method).and_then(|method| Method::from_bytes(method).ok()),
            target: rest.and(target).and_then(|target| Uri::try_from(target).ok()),
            accept,
            begun: self.begun,
        }
    }
}

/// Writes `response`; whether the client has taken it.
pub(in crate::server) async fn answer<IO: AsyncWrite + Unpin>(
    io: &mut IO,
    response: Response<LoggedBody>,
    method: Option<&Method>,
) -> bool {
    let (mut parts, mut logged) = response.into_parts();
    // Errors have short, complete bodies.
    let body = (&mut logged).collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let line = logged.unsent();
    parts.headers.insert(CONTENT_LENGTH, body.len().into());
    parts.headers.insert(CONNECTION, HeaderValue::from_static("close"));
    let date = HeaderValue::try_from(httpdate::fmt_http_date(SystemTime::now()));
    parts.headers.extend(date.ok().map(|date| (DATE, date)));
    let mut message = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();
    for (name, value) in &parts.headers {
        message.extend_from_slice(name.as_str().as_bytes());
        message.extend_from_slice(b": ");
        message.extend_from_slice(value.as_bytes());
        message.extend_from_slice(b"\r\n");
    }
    message.extend_from_slice(b"\r\n");
    // RFC 9110, section 9.3.2
    if method != Some(&Method::HEAD) {
        message.extend_from_slice(&body);
    }
    let is_sent = matches!(tokio::time::timeout(WRITE, io.write_all(&message)).await, Ok(Ok(())));
    line.filter(|_| is_sent).into_iter().for_each(Unsent::sent);
    is_sent
}

/// Ends what is sent, and reads what the client still sends, within limits: a socket that is
/// closed with unread bytes is reset, and its client may lose the answer (RFC 9112, section
/// 9.6).
pub(in crate::server) async fn drain<IO: AsyncRead + AsyncWrite + Unpin>(io: &mut IO) {
    let mut dropped = BytesMut::with_capacity(READ_BYTES);
    let all = async {
        io.shutdown().await.ok();
        while let Ok(Ok(1..)) = tokio::time::timeout(SILENCE, io.read_buf(&mut dropped)).await {
            dropped.clear();
        }
    };
    tokio::time::timeout(LINGER, all).await.ok();
}
