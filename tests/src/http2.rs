//! A client of HTTP/2 (RFC 9113) that sends exactly the frames it is told to.
//!
//! Fields go as literals (RFC 7541, section 6.2.2), so that it needs no table. Of what comes
//! back it knows the frames, and of fields no more than the status where the server has that
//! from the static table.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use crate::PATIENCE;

/// What a client begins with (section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames (section 6).
pub mod kind {
    #![allow(missing_docs, reason = "they are named as in the RFC")]
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// The last frame of a stream's side.
pub const END_STREAM: u8 = 1;
/// The last frame of a head.
pub const END_HEADERS: u8 = 4;
/// The answer to settings, or to a ping.
pub const ACK: u8 = 1;

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// See [`kind`].
    pub kind: u8,
    /// Such as [`END_STREAM`].
    pub flags: u8,
    /// 0 for the connection.
    pub stream: u32,
    /// What is in it.
    pub payload: Vec<u8>,
}

impl Frame {
    /// The status that a head begins with, where the static table has it.
    pub fn status(&self) -> Option<u16> {
        // RFC 7541, appendix A; after an update of the table's size (section 6.3).
        if self.kind != kind::HEADERS {
            return None;
        }
        let first = self.payload.iter().find(|byte| **byte & 0xe0 != 0x20)?;
        let known = [200, 204, 206, 304, 400, 404, 500];
        known.get(usize::from(first.checked_sub(0x88)?)).copied()
    }

    /// The error of a `RST_STREAM` or `GOAWAY` frame (section 7).
    pub fn error(&self) -> u32 {
        let at = if self.kind == kind::GOAWAY { 4 } else { 0 };
        let bytes = self.payload.get(at..at + 4).expect("it has an error");
        u32::from_be_bytes(bytes.try_into().expect("four bytes"))
    }
}

/// A connection.
#[derive(Debug)]
pub struct Http2 {
    stream: TcpStream,
    next: u32,
}

impl Http2 {
    /// Connects to `address`, and says these settings (section 6.5.1).
    ///
    /// # Panics
    ///
    /// If nobody listens there.
    #[track_caller]
    pub fn open(address: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let stream = TcpStream::connect(address).expect("the server accepts connections");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket has a time-out");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket has a time-out");
        stream.set_nodelay(true).expect("a socket can be told not to wait");
        let mut client = Self { stream, next: 1 };
        client.stream.write_all(PREFACE).expect("the server takes what is sent");
        let mut payload = Vec::new();
        for (name, value) in settings {
            payload.extend_from_slice(&name.to_be_bytes());
            payload.extend_from_slice(&value.to_be_bytes());
        }
        client.send(kind::SETTINGS, 0, 0, &payload);
        client
    }

    /// The same connection, to read from it beside.
    ///
    /// # Panics
    ///
    /// If the system has no room for it.
    pub fn another(&self) -> Self {
        Self { stream: self.stream.try_clone().expect("a socket can be shared"), next: self.next }
    }

    /// Reads and drops what comes until the connection is closed.
    pub fn drain(mut self) {
        std::io::copy(&mut self.stream, &mut std::io::sink()).ok();
    }

    /// Sends a frame.
    ///
    /// # Panics
    ///
    /// If the server does not take it.
    #[track_caller]
    pub fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.try_send(kind, flags, stream, payload).expect("the server takes what is sent");
    }

    /// Likewise, where the server may have closed the connection.
    ///
    /// # Errors
    ///
    /// If it has.
    pub fn try_send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> std::io::Result<()> {
        let length = u32::try_from(payload.len()).expect("a frame is short").to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend_from_slice(&[kind, flags]);
        frame.extend_from_slice(&stream.to_be_bytes());
        frame.extend_from_slice(payload);
        self.stream.write_all(&frame)
    }

    /// Sends a request without a body; gives its stream.
    #[track_caller]
    pub fn get(&mut self, path: &str) -> u32 {
        self.ask(
            &[(":method", "GET"), (":path", path), (":authority", "test"), (":scheme", "http")],
            END_STREAM,
        )
    }

    /// Sends a head of these fields; gives its stream.
    #[track_caller]
    pub fn ask(&mut self, fields: &[(&str, &str)], flags: u8) -> u32 {
        let stream = self.next;
        self.next += 2;
        self.send(kind::HEADERS, flags | END_HEADERS, stream, &head(fields));
        stream
    }

    /// The next frame; none where the server has closed the connection.
    ///
    /// # Panics
    ///
    /// If none comes in time.
    #[track_caller]
    pub fn frame(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        match self.stream.read_exact(&mut head) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
                return None;
            }
            Err(error) => panic!("the server sends nothing: {error}"),
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).expect("it fits")];
        self.stream.read_exact(&mut payload).ok()?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let frame = Frame { kind: head[3], flags: head[4], stream, payload };
        if frame.kind == kind::SETTINGS && frame.flags & ACK == 0 {
            self.try_send(kind::SETTINGS, ACK, 0, &[]).ok();
        }
        if frame.kind == kind::PING && frame.flags & ACK == 0 {
            self.try_send(kind::PING, ACK, 0, &frame.payload).ok();
        }
        Some(frame)
    }

    /// The next frame that `is_it`, the others being dropped.
    ///
    /// # Panics
    ///
    /// If the connection is closed before.
    #[track_caller]
    pub fn wait_for(&mut self, is_it: impl Fn(&Frame) -> bool) -> Frame {
        loop {
            let frame = self.frame().expect("the connection is closed");
            if is_it(&frame) {
                return frame;
            }
        }
    }

    /// The status that `stream` is answered with.
    #[track_caller]
    pub fn status(&mut self, stream: u32) -> Option<u16> {
        self.wait_for(|frame| frame.kind == kind::HEADERS && frame.stream == stream).status()
    }

    /// All frames to the end of the connection.
    #[track_caller]
    pub fn rest(&mut self) -> Vec<Frame> {
        std::iter::from_fn(|| self.frame()).collect()
    }
}

/// Fields as literals that are not remembered.
pub fn head(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0);
        for text in [name, value] {
            length(&mut bytes, text.len());
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    bytes
}

/// A number with a prefix of seven bits (RFC 7541, section 5.1).
fn length(bytes: &mut Vec<u8>, length: usize) {
    if length < 127 {
        bytes.push(u8::try_from(length).expect("it is small"));
        return;
    }
    bytes.push(127);
    let mut rest = length - 127;
    while rest >= 128 {
        bytes.push(u8::try_from(rest % 128).expect("it is small") | 128);
        rest /= 128;
    }
    bytes.push(u8::try_from(rest).expect("it is small"));
}
