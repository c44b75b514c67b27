//! What a connection is held to, and how many there may be.

use std::num::NonZero;
use std::sync::Mutex;
use std::thread::{Builder, available_parallelism};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::ServerConfig;
use crate::problem::Problem;

/// Open files that are no connections: components, static files, logs, sockets to
/// others, and the runtimes' own.
const OTHER_FILES: u64 = 128;

/// Threads that are neither cores nor compile: those of the clock, the logs, the folder, and of
/// what keeps data.
const OTHER_THREADS: usize = 16;

/// What a connection is held to.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectionLimits {
    pub(super) head_timeout: Duration,
    pub(super) idle_timeout: Duration,
    pub(super) write_timeout: Duration,
    pub(super) drain_events_timeout: Duration,
    pub(super) requests: u32,
    /// Those of HTTP/2 at once.
    pub(super) streams: u32,
    pub(super) head_bytes: usize,
}

impl ConnectionLimits {
    pub(super) fn of(config: &ServerConfig) -> Self {
        Self {
            head_timeout: config.head_timeout,
            idle_timeout: config.idle_timeout,
            write_timeout: config.write_timeout,
            drain_events_timeout: config.drain_events_timeout,
            requests: config.requests_per_connection,
            streams: config.streams_per_connection,
            head_bytes: usize::try_from(config.head_bytes).unwrap_or(usize::MAX),
        }
    }

    /// Whatever begins now is not over before that.
    pub(super) fn shortest(&self) -> Duration {
        self.head_timeout.min(self.idle_timeout).min(self.write_timeout)
    }
}

/// Raises this process's limit of open files as far as it may be.
pub fn raise_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where it fails, the limit is what it was, and that is checked.
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).ok();
}

/// Whether this process may have the threads of so many cores, found by having them for a
/// moment: a limit may be the user's, the container's or the machine's.
///
/// # Errors
///
/// Names the remedy.
pub fn check_threads(cores: usize) -> Result<(), Problem> {
    let compilers = available_parallelism().map_or(1, NonZero::get);
    let needed = cores + compilers + OTHER_THREADS;
    let gate = Mutex::new(());
    let started = std::thread::scope(|scope| {
        let _closed = gate.lock();
        let wait = || drop(gate.lock());
        (0..needed).try_for_each(|_| Builder::new().spawn_scoped(scope, wait).map(drop))
    });
    started.map_err(|error| {
        let wrong = format!("cannot have the {needed} threads that {cores} `cores` need: {error}");
        let remedy =
            "lower `cores`, or raise the limit (`ulimit -u`, TasksMax= of systemd, pids.max of a container)";
        Problem::new("server.cores", wrong).remedy(remedy)
    })
}

/// Whether this process may have so many connections.
///
/// # Errors
///
/// Names the limit and the remedy.
pub fn check_connections(connections: u32) -> Result<(), Problem> {
    match getrlimit(Resource::Nofile).current {
        Some(files) if files < u64::from(connections) + OTHER_FILES => Err(Problem::new(
            "server.connections",
            format!(
                "{connections} connections and {OTHER_FILES} other files are more than the {files} that this \
                 process may open"
            ),
        )
        .remedy("lower it, or raise the limit (`ulimit -Hn`, LimitNOFILE= of systemd)")),
        _ => Ok(()),
    }
}
