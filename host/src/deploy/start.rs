//! The start of a server.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::commit;
use super::prepare::{Judge, Next};
use super::refused::Refused;
use super::running::Running;
use crate::config::{CurrentServer, Source};
use crate::handlers::{News, Outside, Urls};
use crate::problem::Problem;
use crate::readiness::Readiness;
use crate::server::{self, Listeners, Passed};
use crate::site::Current;
use crate::telemetry::{AccessLog, Writer};
use crate::tls::CurrentTls;

/// How long a start waits for what handlers are granted, such as a database that cannot be
/// reached; it is tried again beside what is served.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a server begins with, beside its configuration.
pub struct Beginning {
    /// The sockets that a supervisor has passed.
    pub passed: Passed,
    /// Has the folder looked at.
    pub alarm: Box<dyn Fn() + Send + Sync>,
    /// Whether nothing is tolerated of what was dropped in.
    pub strict: bool,
}

/// A server that may begin.
pub struct Start {
    next: Next,
    listeners: Listeners,
    site: Arc<Current>,
    strict: bool,
}

/// A server whose site, settings and log are in place; it has yet to accept.
pub struct Started {
    /// What is served.
    pub running: Running,
    /// Where.
    pub listeners: Listeners,
    /// The thread of the access log.
    pub writer: Writer,
    /// What is wrong with files that were dropped in.
    pub tolerated: Vec<Problem>,
    /// What is served otherwise than was meant.
    pub odd: Vec<Problem>,
    /// What was done to what handlers are granted, or has yet to be.
    pub news: Vec<News>,
}

/// Prepares the start of what `source` names.
///
/// # Errors
///
/// All that is wrong with it.
pub fn start(source: &Source, beginning: Beginning) -> Result<Start, Refused> {
    let Beginning { passed, alarm, strict } = beginning;
    let mut judge = Judge::read(source)?;
    // Before anything slow is done.
    let listeners = match judge.judges_addresses() {
        true => server::bind(&judge.config.server, passed).map_err(|wrong| judge.add(wrong.0)).ok(),
        false => None,
    };
    judge.machine();
    let site = Arc::new(Current::default());
    let address = listeners.as_ref().and_then(|listeners| listeners.address());
    let urls: Weak<dyn Urls> = Arc::<Current>::downgrade(&site);
    let loader = judge.loader(Outside { urls: Some(urls), address, alarm, ..Outside::default() })?;
    let next = judge.first(loader, strict, |_| false)?;
    match listeners {
        // Else there was a problem, and this is not reached.
        Some(listeners) => Ok(Start { next, listeners, site, strict }),
        None => Err(Refused::Problems(Vec::new())),
    }
}

impl Start {
    /// The addresses that it would be served at.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.addresses()
    }

    /// Opens everything, and serves it from now on.
    ///
    /// # Errors
    ///
    /// What could not be opened.
    pub fn commit(self) -> Result<Started, Refused> {
        let Self { next, listeners, site, strict } = self;
        let destination = commit::destination(&next)?;
        let (opened, hold) = commit::open(&next, PATIENCE)?;
        let (access_log, writer) = AccessLog::start(destination)
            .map_err(|error| Refused::Problems(vec![Problem::new("", error.to_string())]))?;
        let settings = Arc::new(CurrentServer::from_pointee(next.folder.config.server.clone()));
        let news = commit::put(&next, opened);
        let Next { folder, site: next, memory, secure, tolerated, odd, .. } = next;
        site.store(Arc::new(next));
        let inherited = listeners.are_inherited();
        let running = Running {
            folder,
            hold,
            memory,
            tls: Arc::new(CurrentTls::new(secure.tls.clone())),
            secure,
            site,
            settings,
            access_log,
            readiness: Arc::new(Readiness::default()),
            strict,
            inherited,
            missed: Vec::new(),
        };
        Ok(Started { running, listeners, writer, tolerated, odd, news })
    }
}
