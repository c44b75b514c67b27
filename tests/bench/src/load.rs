//! The load that the subjects of a scenario take turns under.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;

use crate::burst::Burst;
use crate::report::Report;
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
