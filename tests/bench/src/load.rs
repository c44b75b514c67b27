//! The load that the subjects of a scenario take turns under.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;

use crate::burst::Burst;
use crate::request::Request;
use crate::wrk::Wrk;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Load {
    /// Each of so many connections sends the next request when it has its answer.
    Steady { connections: u32 },
    /// So many connections send one request each, all together; once all have their
    /// answers, again.
    AtOnce { calls: usize },
}

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Report {
    pub(crate) requests: f64,
    /// Of responses, with their heads, also of those that the end cut off.
    pub(crate) bytes: f64,
    pub(crate) seconds: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// Where calls are made at once: from the first byte sent to the last received.
    pub(crate) all_us: Option<f64>,
}

impl Load {
    /// Puts `address` under the load; files go to `folder`.
    pub(crate) fn run(
        self,
        address: SocketAddr,
        request: &Request,
        seconds: u32,
        folder: &Path,
    ) -> Result<Report> {
        match self {
            Self::Steady { connections } => Wrk { address, request, connections, seconds }.run(folder),
            Self::AtOnce { calls } => Burst { address, request, calls, seconds }.run(),
        }
    }
}

impl std::fmt::Display for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Steady { connections } => write!(f, "{connections} connections"),
            Self::AtOnce { calls } => write!(f, "{calls} calls at once"),
        }
    }
}
