//! The framing guard: it stands between a connection's socket and hyper.
//!
//! Behind a proxy, two recipients that disagree about where a request ends are one
//! request smuggled past the other (RFC 9112, section 11.2). hyper is lenient, and
//! answers what it refuses itself; so a head is held back from it until it is
//! complete and strict, and what is refused is answered here, in the house's format.
//!
//! In: the bytes of the socket, which are read into hyper's own buffer, and looked at
//! there ([`Framing`], which is pure). Out: the same bytes, up to the first that is
//! refused. A refusal waits until everything before it has been answered; then hyper
//! is shown the end of the connection, and the socket is `refusal`'s.
//!
//! A client that sends no more may have left, or may wait for what it has asked for, having
//! closed its side alone; TCP does not tell which. So hyper, which would drop what is under
//! way, is shown that end late: when everything is answered, or nothing was written for
//! `GRACE`.

mod chunked;
mod fault;
mod framing;
mod head;
mod line;
pub(super) mod refusal;
#[cfg(test)]
mod tests;
mod watch;

use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::transport::Transport;

pub use fault::{BodyFault, Fault, HeadFault};
pub use framing::{Framing, Passed, Piece};
pub use head::HeadLimits;
pub(super) use head::is_path_with_query;
pub(super) use watch::{CountedBody, Overdue, Rest, Watch};

/// Room for the rest of a head whose start has been held back.
const READ_BYTES: usize = 4 << 10;
/// What is read after a refused head, to see whether the client is still there.
const DISCARDED_BYTES: usize = 64 << 10;
/// For so long after its end, or the last write, a client that sends no more is taken to wait
/// for an answer: what needs no wait is answered by then.
const GRACE: Duration = Duration::from_millis(250);

/// The bytes of `io`, held to [`Framing`].
///
/// It is tokio's traits that it has, and not hyper's, since a reader of those can look
/// at what was read into a buffer that is not its own without unsafe code.
#[derive(Debug)]
pub(super) struct Guard<IO> {
    io: IO,
    framing: Framing,
    /// What hyper has not been given: first `ready` bytes that it may have, then a
    /// piece that is not complete.
    held: BytesMut,
    ready: usize,
    broken: Option<BodyFault>,
    discarded: usize,
    /// Goes off when a client that sends no more is taken to have left.
    grace: Option<Pin<Box<Sleep>>>,
    /// Whether the connection is reset where it is dropped.
    resets: bool,
    watch: Rc<Watch>,
}

impl<IO: AsyncRead + Unpin> Guard<IO> {
    pub(super) fn new(io: IO, limits: HeadLimits, watch: Rc<Watch>) -> Self {
        let framing = Framing::new(limits);
        let (held, ready, discarded) = (BytesMut::new(), 0, 0);
        Self { io, framing, held, ready, broken: None, discarded, grace: None, resets: false, watch }
    }

    pub(super) fn into_inner(self) -> IO {
        self.io
    }

    /// Whether the client has not sent the whole of a body.
    pub(super) fn is_in_body(&self) -> bool {
        !self.framing.awaits_head()
    }

    /// Reads into `buf`, and leaves there what hyper may have. True at the end.
    fn poll_direct(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        let new = buf.filled().get(before..).unwrap_or_default();
        if new.is_empty() {
            return Poll::Ready(Ok(true));
        }
        let passed = self.framing.advance(new);
        let rest = new.get(passed.bytes..).unwrap_or_default();
        match passed.fault {
            None => self.held.extend_from_slice(rest),
            Some(fault) => refuse(&self.watch, &mut self.broken, fault, rest),
        }
        self.watch.pass(passed.heads);
        buf.set_filled(before + passed.bytes);
        Poll::Ready(Ok(false))
    }

    /// Reads more of the piece that is held back. True at the end.
    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        self.held.reserve(READ_BYTES);
        if ready!(pin!(self.io.read_buf(&mut self.held)).poll(cx))? == 0 {
            return Poll::Ready(Ok(true));
        }
        let passed = self.framing.advance(&self.held);
        if let Some(fault) = passed.fault {
            let rest = self.held.split_off(passed.bytes);
            refuse(&self.watch, &mut self.broken, fault, &rest);
        }
        self.watch.pass(passed.heads);
        self.ready = passed.bytes;
        Poll::Ready(Ok(false))
    }

    /// Shows hyper the end once it has answered what came before; until then, sees to
    /// it that a client that goes away is noticed.
    fn poll_refused(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while !self.watch.end() {
            if self.watch.is_closed() {
                ready!(self.poll_end(cx));
                self.watch.end();
                break;
            }
            if self.discarded > DISCARDED_BYTES {
                return Poll::Pending;
            }
            let before = buf.filled().len();
            ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
            let new = buf.filled().len() - before;
            if new == 0 {
                self.watch.close();
                continue;
            }
            self.discarded += new;
            buf.set_filled(before);
        }
        Poll::Ready(Ok(()))
    }

    /// Whether hyper may be shown that the client sends no more.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // A body that breaks off is its reader's to know.
        let breaks_off = !self.watch.is_refused() && !self.framing.awaits_head();
        while !breaks_off && !self.watch.is_answered() {
            let grace = self.grace.get_or_insert_with(|| Box::pin(tokio::time::sleep(GRACE)));
            ready!(grace.as_mut().poll(cx));
            if !self.watch.has_written() {
                break;
            }
            grace.as_mut().reset(Instant::now() + GRACE);
        }
        Poll::Ready(())
    }

    /// Notes that it takes the client to go on.
    fn note_waiting(&self) {
        if self.framing.awaits_head() {
            // Empty lines are not yet a request (RFC 9112, section 2.2).
            let begun = self.held.iter().any(|byte| !matches!(byte, b'\r' | b'\n'));
            self.watch.wait(begun);
        }
    }
}

fn refuse(watch: &Watch, broken: &mut Option<BodyFault>, fault: Fault, rest: &[u8]) {
    match fault {
        Fault::Head(fault) => watch.refuse(fault, rest),
        Fault::Body(fault) => {
            watch.break_off();
            *broken = Some(fault);
        }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Guard<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        if this.watch.has_timed_out() {
            let head = this.held.split_off(this.ready);
            this.watch.refuse(HeadFault::Timeout, &head);
        }
        loop {
            if this.ready > 0 {
                let length = this.ready.min(buf.remaining());
                buf.put_slice(this.held.get(..length).unwrap_or_default());
                this.held.advance(length);
                this.ready -= length;
                if this.held.is_empty() {
                    // A connection that is idle holds no buffer.
                    this.held = BytesMut::new();
                }
                return Poll::Ready(Ok(()));
            }
            if buf.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
            if let Some(fault) = this.broken {
                // To hyper, and to who reads the body, as if hyper had found it.
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, fault)));
            }
            if this.watch.is_refused() {
                return this.poll_refused(cx, buf);
            }
            let read = match this.held.is_empty() {
                _ if this.watch.is_closed() => Poll::Ready(Ok(true)),
                true => this.poll_direct(cx, buf),
                false => this.poll_held(cx),
            };
            match read? {
                Poll::Ready(false) => {}
                Poll::Ready(true) => {
                    this.watch.close();
                    return this.poll_end(cx).map(Ok);
                }
                Poll::Pending => {
                    this.note_waiting();
                    return Poll::Pending;
                }
            }
        }
    }
}

impl<IO: Transport> Guard<IO> {
    /// Where the end of the connection is that of a response, what ends it before is no end.
    fn note_writing(&mut self) {
        if self.watch.is_open_ended() && !self.resets {
            self.resets = true;
            self.io.resets(true);
        }
    }
}

impl<IO: Transport> AsyncWrite for Guard<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.note_writing();
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.watch.write(written.is_pending());
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        self.watch.flush();
        self.note_waiting();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.resets) {
            self.io.resets(false);
        }
        if self.watch.has_ended() {
            // The refusal is still to be written.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.note_writing();
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.watch.write(written.is_pending());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
