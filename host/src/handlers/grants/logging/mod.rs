//! A guest's stdout and stderr as lines of the host's log.
//!
//! Writing never waits, so it can never hold an instance: within `log_bytes` a
//! second it is accepted, beyond that it is dropped and counted. Lines are cut at
//! [`LINE_BYTES`] and never interleave.

pub(super) mod host;
pub(crate) mod keys;

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use super::grant::{Grant, Grantee};

/// What all instances of a handler share.
pub(in crate::handlers) type Log = Arc<LogLimit>;

impl Grant for Log {
    const IMPORTS: &'static [&'static str] = &["wasi:logging/"];
    type Shared = ();

    fn grant(to: &Grantee<'_>, _: &()) -> Self {
        Arc::new(LogLimit::new(to.config.logging.bytes))
    }
}

/// The longest line that is kept whole.
pub(in crate::handlers) const LINE_BYTES: usize = 8 << 10;
/// What is taken at once of what a guest writes.
const PIECE_BYTES: usize = 64 << 10;
/// What is kept of a name in a line about it.
pub(in crate::handlers) const NAME_BYTES: usize = 256;
/// What a line has beside what a guest says in it, when that is not the guest's own line.
pub(in crate::handlers) const FRAME_BYTES: usize = 128;

/// What a handler may log.
#[derive(Debug)]
pub(in crate::handlers) struct LogLimit {
    bytes_per_second: u64,
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    start: Instant,
    bytes: u64,
    dropped: u64,
}

impl LogLimit {
    pub(in crate::handlers) fn new(bytes_per_second: u64) -> Self {
        let window = Window { start: Instant::now(), bytes: 0, dropped: 0 };
        Self { bytes_per_second, window: Mutex::new(window) }
    }

    #[cfg(test)]
    fn dropped(&self) -> u64 {
        self.window.lock().unwrap().dropped
    }

    /// Counts `length` bytes that are not even looked at.
    pub(super) fn drop_all(&self, length: usize) {
        self.window.lock().unwrap_or_else(PoisonError::into_inner).dropped += length as u64;
    }

    /// Whether `length` bytes may be logged now.
    pub(in crate::handlers) fn admit(&self, handler: &str, length: usize) -> bool {
        let length = length as u64;
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.start.elapsed() >= Duration::from_secs(1) {
            if window.dropped > 0 {
                tracing::warn!(handler, bytes = window.dropped, "log output over limits.log_bytes dropped");
            }
            *window = Window { start: Instant::now(), bytes: 0, dropped: 0 };
        }
        let admitted = window.bytes + length <= self.bytes_per_second;
        if admitted {
            window.bytes += length;
        } else {
            window.dropped += length;
        }
        admitted
    }
}

/// One of a guest's output streams.
#[derive(Debug, Clone)]
pub(in crate::handlers) struct LogStream(Arc<Stream>);

#[derive(Debug)]
struct Stream {
    handler: Arc<str>,
    name: &'static str,
    limit: Arc<LogLimit>,
    partial: Mutex<Vec<u8>>,
}

impl LogStream {
    pub(in crate::handlers) fn new(handler: Arc<str>, name: &'static str, limit: Arc<LogLimit>) -> Self {
        Self(Arc::new(Stream { handler, name, limit, partial: Mutex::default() }))
    }

    fn accept(&self, mut bytes: &[u8]) {
        let mut partial = self.0.partial.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(end);
            append(&mut partial, line);
            self.0.line(&partial);
            partial.clear();
            bytes = rest.get(1..).unwrap_or_default();
        }
        append(&mut partial, bytes);
    }
}

/// What of a text is kept.
pub(in crate::handlers) fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()
}

/// Appends what the line has room for.
fn append(partial: &mut Vec<u8>, bytes: &[u8]) {
    let room = LINE_BYTES.saturating_sub(partial.len()).min(bytes.len());
    partial.extend_from_slice(bytes.get(..room).unwrap_or_default());
}

impl Stream {
    fn line(&self, line: &[u8]) {
        if line.is_empty() || !self.limit.admit(&self.handler, line.len()) {
            return;
        }
        let line = String::from_utf8_lossy(line);
        tracing::info!(handler = %self.handler, stream = self.name, "{line}");
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let partial = std::mem::take(self.partial.get_mut().unwrap_or_else(PoisonError::into_inner));
        self.line(&partial);
    }
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.accept(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PIECE_BYTES)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

impl AsyncWrite for LogStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let piece = bytes.get(..PIECE_BYTES).unwrap_or(bytes);
        self.accept(piece);
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_per_second() {
        let limit = LogLimit::new(10);
        assert!(limit.admit("h", 6));
        assert!(!limit.admit("h", 6));
        assert!(limit.admit("h", 4));
        limit.window.lock().unwrap().start -= Duration::from_secs(1);
        assert!(limit.admit("h", 6));
    }

    #[test]
    fn lines_are_bounded() {
        let stream = LogStream::new("h".into(), "stdout", Arc::new(LogLimit::new(1)));
        for _ in 0..10 {
            stream.accept(&[b'x'; 4096]);
        }
        assert_eq!(stream.0.partial.lock().unwrap().len(), LINE_BYTES);
        stream.accept(b"\n");
        assert!(stream.0.partial.lock().unwrap().is_empty());
    }
}
