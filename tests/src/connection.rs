//! A client that sends exactly the bytes it is told to, and reads what comes back.
//!
//! Its parser is small and strict, and none of the server's: it accepts what the
//! server may send, and panics on anything else.

use std::any::Any;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;

use crate::{PATIENCE, Reply};

/// A connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    /// What has been received and not read yet.
    buffer: Vec<u8>,
    /// Keeps the server running where tests share it.
    _server: Option<Arc<dyn Any + Send + Sync>>,
}

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEnd {
    /// As its framing says.
    Complete,
    /// The connection ended before.
    Cut,
}

impl Connection {
    /// Connects to `address`.
    ///
    /// # Panics
    ///
    /// If nobody listens there.
    #[track_caller]
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server accepts connections");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket has a time-out");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket has a time-out");
        stream.set_nodelay(true).expect("a socket can be told not to wait");
        Self { stream, buffer: Vec::new(), _server: None }
    }

    /// Keeps `server` running for as long as the connection lives.
    pub(crate) fn holding(self, server: Arc<dyn Any + Send + Sync>) -> Self {
        Self { _server: Some(server), ..self }
    }

    /// Sends bytes.
    ///
    /// # Panics
    ///
    /// If the server does not take them.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server takes what is sent");
    }

    /// Sends bytes that the server need not take.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// The same connection once more, to send from another thread.
    ///
    /// # Panics
    ///
    /// If the connection has ended already.
    #[track_caller]
    pub fn another(&self) -> Self {
        let stream = self.stream.try_clone().expect("the connection is open");
        Self { stream, buffer: Vec::new(), _server: None }
    }

    /// Sends a GET request.
    #[track_caller]
    pub fn get(&mut self, path: &str) -> Reply {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        self.reply()
    }

    /// Says that nothing more will be sent.
    ///
    /// # Panics
    ///
    /// If the connection has ended already.
    #[track_caller]
    pub fn finish_sending(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("the connection is open");
    }

    /// Reads the response to a GET, POST or the like.
    ///
    /// # Panics
    ///
    /// If there is none, or only the start of one.
    #[track_caller]
    pub fn reply(&mut self) -> Reply {
        let mut reply = self.head();
        let (body, end) = self.body(&reply);
        assert_eq!(end, BodyEnd::Complete, "the connection was cut after {reply:?} and {body:?}");
        reply.body = body;
        reply
    }

    /// Reads the head of a response, its body being left. Responses with 1xx are
    /// given too.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[track_caller]
    pub fn head(&mut self) -> Reply {
        let end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at;
            }
            assert!(self.receive(), "no response, but the end, after {:?}", self.text());
        };
        let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
        let head = String::from_utf8(head).expect("a head is ASCII here");
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).expect("a status line");
        let status = status.split(' ').next().and_then(|code| code.parse().ok()).expect("a status code");
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').expect("a header field has a colon");
            (name.to_ascii_lowercase(), value.trim().to_owned())
        });
        Reply { status, headers: headers.collect(), body: Vec::new() }
    }

    /// Reads the body that belongs to `head`.
    ///
    /// # Panics
    ///
    /// If its framing is wrong.
    #[track_caller]
    pub fn body(&mut self, head: &Reply) -> (Vec<u8>, BodyEnd) {
        if head.status < 200 || matches!(head.status, 204 | 304) {
            return (Vec::new(), BodyEnd::Complete);
        }
        if let Some(length) = head.header("content-length") {
            assert_eq!(head.header("transfer-encoding"), None, "both framings: {head:?}");
            let length = length.parse().expect("content-length is a number");
            return self.exactly(length);
        }
        match head.header("transfer-encoding") {
            Some("chunked") => {
                let mut body = Vec::new();
                loop {
                    match self.chunk() {
                        Ok(chunk) if chunk.is_empty() => return (body, BodyEnd::Complete),
                        Ok(chunk) => body.extend(chunk),
                        Err(part) => {
                            body.extend(part);
                            return (body, BodyEnd::Cut);
                        }
                    }
                }
            }
            other => {
                assert_eq!(other, None, "an unknown framing");
                (self.rest(), BodyEnd::Complete)
            }
        }
    }

    /// Reads one chunk of a chunked body; the last is empty and has its trailers
    /// read too. Where the connection ends before, gives what there is.
    pub fn chunk(&mut self) -> Result<Vec<u8>, Vec<u8>> {
        let Some(line) = self.line() else { return Err(Vec::new()) };
        let length = usize::from_str_radix(&line, 16).expect("a chunk begins with its length");
        if length == 0 {
            while let Some(trailer) = self.line() {
                if trailer.is_empty() {
                    return Ok(Vec::new());
                }
            }
            return Err(Vec::new());
        }
        match self.exactly(length) {
            (chunk, BodyEnd::Complete) if self.line().is_some() => Ok(chunk),
            (part, _) => Err(part),
        }
    }

    /// Reads until the server closes the connection.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.receive() {}
        std::mem::take(&mut self.buffer)
    }

    /// Receives once: what is there of a response, or nothing at the end.
    pub fn some(&mut self) -> Vec<u8> {
        if self.buffer.is_empty() {
            self.receive();
        }
        std::mem::take(&mut self.buffer)
    }

    /// Waits until the server closes the connection.
    ///
    /// # Panics
    ///
    /// If it sends anything before.
    #[track_caller]
    pub fn expect_closed(&mut self) {
        let rest = self.rest();
        assert!(rest.is_empty(), "more than the end: {:?}", String::from_utf8_lossy(&rest));
    }

    fn exactly(&mut self, length: usize) -> (Vec<u8>, BodyEnd) {
        while self.buffer.len() < length {
            if !self.receive() {
                return (std::mem::take(&mut self.buffer), BodyEnd::Cut);
            }
        }
        (self.buffer.drain(..length).collect(), BodyEnd::Complete)
    }

    pub(crate) fn line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..at + 2).take(at).collect();
                return Some(String::from_utf8(line).expect("the line is ASCII"));
            }
            if !self.receive() {
                return None;
            }
        }
    }

    /// Receives something more; false at the end.
    fn receive(&mut self) -> bool {
        let mut bytes = [0; 16 << 10];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(length) => {
                    self.buffer.extend_from_slice(&bytes[..length]);
                    return length > 0;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return false,
                Err(error) => panic!("nothing within {PATIENCE:?} after {:?}: {error}", self.text()),
            }
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.buffer).into_owned()
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}
