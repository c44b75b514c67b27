//! An answer as it is kept, to be compared with another one. Pure.

use std::hash::{DefaultHasher, Hasher as _};

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, StatusCode};

/// How much is kept of a body, in bytes; of the rest only that it is the same.
pub(super) const KEPT_BYTES: usize = 64 << 10;

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) content_type: Option<String>,
    pub(super) location: Option<String>,
    /// Why there was none, where the server has answered in the handler's place.
    pub(super) failure: Option<String>,
    pub(super) body: Content,
}

/// What is known of a body.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    /// How it begins.
    pub(super) start: Bytes,
    pub(super) length: u64,
    pub(super) hash: u64,
}

/// A body that is being read.
#[derive(Debug, Default)]
pub(super) struct Reading {
    start: BytesMut,
    length: u64,
    hasher: DefaultHasher,
}

impl Answer {
    /// Of this head, without its body.
    pub(super) fn new(status: StatusCode, headers: &HeaderMap, failure: Option<String>) -> Self {
        let text =
            |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let (content_type, location) = (text(CONTENT_TYPE), text(LOCATION));
        Self { status, content_type, location, failure, body: Content::default() }
    }
}

impl Content {
    /// Of a body that is whole.
    pub(super) fn of(bytes: &Bytes) -> Self {
        let mut reading = Reading::default();
        reading.add(bytes);
        reading.end()
    }
}

impl Reading {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let room = KEPT_BYTES - self.start.len().min(KEPT_BYTES);
        self.start.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
        self.length += bytes.len() as u64;
        self.hasher.write(bytes);
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn end(self) -> Content {
        Content { start: self.start.freeze(), length: self.length, hash: self.hasher.finish() }
    }
}
