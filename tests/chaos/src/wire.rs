//! A connection as these clients have it: what may go wrong is told, not panicked about,
//! since a client that is cut off in the middle may be what was asked for.
//!
//! Its parser is strict in what the server may send, and reads in pieces as small as the
//! client wants to be slow.

use std::fmt;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than any time-out of the server, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection.
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// The most bytes to receive at once.
    piece: usize,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the body ended as its framing says, and not with the connection.
    pub(crate) is_whole: bool,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The connection ended before an answer began.
    Ended,
    /// What came is not HTTP, or nothing came for long.
    Broken(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("the connection ended without an answer"),
            Self::Broken(reason) => f.write_str(reason),
        }
    }
}

impl Answer {
    /// One that nobody sent, with the request id `made`.
    #[cfg(test)]
    pub(crate) fn made(status: u16, body: &str, is_whole: bool) -> Self {
        let fields = vec![("x-request-id".to_owned(), "made".to_owned())];
        Self { status, fields, body: body.as_bytes().to_vec(), is_whole }
    }

    /// The value of the field `name`, given in lower case; empty where there is none.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// Whether another request may follow on the connection.
    pub(crate) fn keeps_alive(&self) -> bool {
        self.is_whole && self.field("connection") != "close"
    }
}

impl Wire {
    pub(crate) fn open(address: SocketAddr) -> Result<Self, Failure> {
        let open = || {
            let stream = TcpStream::connect(address)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let stream = open().map_err(|error: std::io::Error| Failure::Broken(format!("connect: {error}")))?;
        Ok(Self { stream, buffer: Vec::new(), piece: 16 << 10 })
    }

    /// Receives no more than `piece` bytes at once from now on.
    pub(crate) fn in_pieces_of(mut self, piece: usize) -> Self {
        self.piece = piece;
        self
    }

    /// Sends bytes, which the server need not take: it may have answered already.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish_sending(&self) {
        // It may have ended already.
        self.stream.shutdown(Shutdown::Write).ok();
    }

    /// Reads a whole answer.
    pub(crate) fn answer(&mut self) -> Result<Answer, Failure> {
        let mut answer = self.head()?;
        self.body(&mut answer)?;
        Ok(answer)
    }

    /// Reads the head of an answer.
    pub(crate) fn head(&mut self) -> Result<Answer, Failure> {
        let end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at;
            }
            if !self.receive()? {
                return Err(match self.buffer.is_empty() {
                    true => Failure::Ended,
                    false => self.broken("cut in its head"),
                });
            }
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        self.buffer.drain(..end + 4);
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
        let field = |line: &str| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_ascii_lowercase(), value.to_owned()))
        };
        match (status, lines.map(field).collect::<Option<_>>()) {
            (Some(status), Some(fields)) => Ok(Answer { status, fields, body: Vec::new(), is_whole: false }),
            _ => Err(Failure::Broken(format!("no head of an answer: {head:?}"))),
        }
    }

    /// Reads the body of `answer` to its end.
    pub(crate) fn body(&mut self, answer: &mut Answer) -> Result<(), Failure> {
        let (length, coding) = (answer.field("content-length"), answer.field("transfer-encoding"));
        match (length.parse::<usize>(), coding) {
            (Ok(length), "") => answer.is_whole = self.take(length, &mut answer.body)?,
            (Err(_), "chunked") if length.is_empty() => {
                answer.is_whole = loop {
                    let Some(length) = self.chunk_length()? else { break false };
                    let before = answer.body.len();
                    let whole = self.take(length + 2, &mut answer.body)?;
                    answer.body.truncate(before + length);
                    if length == 0 || !whole {
                        break whole;
                    }
                };
            }
            _ => return Err(self.broken(&format!("a wrong framing: {answer:?}"))),
        }
        Ok(())
    }

    /// Receives once, and forgets what came; false at the end.
    pub(crate) fn skim(&mut self) -> Result<bool, Failure> {
        self.buffer.clear();
        self.receive()
    }

    /// Reads until the server closes the connection, which it must without a word.
    pub(crate) fn closed(&mut self) -> Result<(), Failure> {
        while self.receive()? {}
        match self.buffer.is_empty() {
            true => Ok(()),
            false => Err(self.broken("more than the end of the connection")),
        }
    }

    /// The length of the next chunk; none where the connection ends.
    fn chunk_length(&mut self) -> Result<Option<usize>, Failure> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                let length = std::str::from_utf8(&self.buffer[..at]).ok();
                let Some(length) = length.and_then(|digits| usize::from_str_radix(digits, 16).ok()) else {
                    return Err(self.broken("no length of a chunk"));
                };
                self.buffer.drain(..at + 2);
                return Ok(Some(length));
            }
            if !self.receive()? {
                return Ok(None);
            }
        }
    }

    /// Moves `length` bytes to `body`, or as many as there are; whether they were all there.
    fn take(&mut self, length: usize, body: &mut Vec<u8>) -> Result<bool, Failure> {
        while self.buffer.len() < length {
            if !self.receive()? {
                body.append(&mut self.buffer);
                return Ok(false);
            }
        }
        body.extend(self.buffer.drain(..length));
        Ok(true)
    }

    /// Receives something more; false at the end.
    fn receive(&mut self) -> Result<bool, Failure> {
        let mut bytes = [0; 16 << 10];
        loop {
            match self.stream.read(&mut bytes[..self.piece]) {
                Ok(length) => {
                    self.buffer.extend_from_slice(&bytes[..length]);
                    return Ok(length > 0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The server has closed it, with something unread.
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
                    return Ok(false);
                }
                Err(error) => return Err(self.broken(&error.to_string())),
            }
        }
    }

    fn broken(&self, what: &str) -> Failure {
        let start = &self.buffer[..self.buffer.len().min(200)];
        Failure::Broken(format!("{what}, after {:?}", String::from_utf8_lossy(start)))
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// What is read, a byte at a time, of a server that sends `text` and closes.
    fn read(text: &'static str) -> Result<Answer, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut wire = Wire::open(listener.local_addr().unwrap())?.in_pieces_of(1);
        listener.accept().unwrap().0.write_all(text.as_bytes()).unwrap();
        wire.answer()
    }

    #[track_caller]
    fn check(text: &'static str, body: &str, is_whole: bool) {
        let answer = read(text).unwrap();
        assert_eq!((answer.status, &*answer.body, answer.is_whole), (200, body.as_bytes(), is_whole));
    }

    #[test]
    fn a_body_is_whole_or_cut() {
        check("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody", "body", true);
        check("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbo", "bo", false);
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n";
        check(chunked, "body", true);
        check(&chunked[..chunked.len() - 2], "body", false);
        check(&chunked[..chunked.len() - 5], "body", false);
        check(&chunked[..chunked.len() - 8], "bod", false);
    }

    #[test]
    fn what_is_no_answer_is_told() {
        assert!(matches!(read(""), Err(Failure::Ended)));
        for text in [
            "HTTP/1.1 200",
            "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno field\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\nbody",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ] {
            assert!(matches!(read(text), Err(Failure::Broken(_))), "{text:?}");
        }
    }
}
