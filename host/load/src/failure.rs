//! Why a request failed, and the class that failures of its kind are counted in.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("could not connect to {0}: {1}; is the server running?")]
    Connect(String, io::Error),
    #[error("TLS with {0}: {1}; --cacert FILE trusts a certificate, --insecure any")]
    Tls(String, io::Error),
    #[error("no complete response within {}; --timeout allows more", humantime::format_duration(*.0))]
    TimedOut(Duration),
    #[error(
        "not sent within {} of when it was due, since no connection was free; use more --concurrency, or a \
         lower --rate",
        humantime::format_duration(*.0)
    )]
    NotSent(Duration),
    #[error("the connection broke: {0}")]
    Broken(io::Error),
    #[error("the connection was closed {0}")]
    Closed(&'static str),
    #[error("the response is not HTTP: {0}")]
    Malformed(&'static str),
    #[error("HTTP/2: {0}")]
    Http2(String),
    #[error("status {0}; --expect-status says which are no failure")]
    Status(u16),
    #[error("the body {0}")]
    Body(String),
}

/// What failures are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Class {
    Connect,
    Tls,
    TimedOut,
    NotSent,
    Broken,
    Closed,
    Malformed,
    Http2,
    Status,
    Body,
}

impl Failure {
    pub(crate) fn class(&self) -> Class {
        match self {
            Self::Connect(..) => Class::Connect,
            Self::Tls(..) => Class::Tls,
            Self::TimedOut(_) => Class::TimedOut,
            Self::NotSent(_) => Class::NotSent,
            Self::Broken(_) => Class::Broken,
            Self::Closed(_) => Class::Closed,
            Self::Malformed(_) => Class::Malformed,
            Self::Http2(_) => Class::Http2,
            Self::Status(_) => Class::Status,
            Self::Body(_) => Class::Body,
        }
    }
}

impl Class {
    /// In a few words.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connect => "could not connect",
            Self::Tls => "TLS failed",
            Self::TimedOut => "timed out",
            Self::NotSent => "not sent",
            Self::Broken => "connection broke",
            Self::Closed => "closed too early",
            Self::Malformed => "not HTTP",
            Self::Http2 => "HTTP/2 error",
            Self::Status => "unexpected status",
            Self::Body => "unexpected body",
        }
    }
}
