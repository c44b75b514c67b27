//! What changes while the server runs: the configuration and the handlers folder.
//!
//! One thread follows both, and it alone replaces what is served. In: file events, a look
//! every few seconds, and requests ([`Reload`], on SIGHUP). Here: when to look, and what to
//! say of it; what is looked at is prepared and put in its place by [`crate::deploy`].

mod events;

use std::time::{Duration, SystemTime};

pub use self::events::{Events, Reload};
use crate::config::Source;
use crate::deploy::{FileStamp, Refused, Running, SETTLE};
use crate::handlers;
use crate::problem::Problem;

/// How often is looked where no event comes, as on network drives.
const POLL: Duration = Duration::from_secs(2);
/// A configuration that changed less than this ago may still be being written. Longer
/// than for components, since the start of a configuration may well be valid.
const SETTLE_CONFIG: Duration = Duration::from_millis(250);

/// Follows the configuration and the handlers folder.
#[derive(Debug)]
pub struct Follower {
    source: Source,
    running: Running,
    events: Events,
    /// The file that was read last.
    stamp: Option<FileStamp>,
    /// Whether a reload was asked for and is still to be done.
    asked: bool,
    /// Whether what was refused may be right now.
    retry: bool,
    /// What was wrong with the configuration that was read last.
    refused: Option<Vec<Problem>>,
}

impl Follower {
    /// Of what is `running`, made of `source` when its file was as `stamp` tells.
    pub fn new((source, stamp): (Source, Option<FileStamp>), running: Running, events: Events) -> Self {
        Self { source, running, events, stamp, asked: false, retry: false, refused: None }
    }

    /// Follows for as long as the process lives.
    ///
    /// # Errors
    ///
    /// If a thread cannot be started.
    pub fn start(mut self) -> std::io::Result<()> {
        let threads = handlers::beside_requests().map_err(std::io::Error::other)?;
        let handlers_dir = self.running.settings().load().handlers_dir.clone();
        self.events.watch(handlers_dir.as_deref(), self.source.path());
        std::thread::Builder::new().name("follow".to_owned()).spawn(move || {
            let mut wait = POLL;
            loop {
                self.asked |= self.events.wait(wait);
                wait = if threads.install(|| self.look()) { POLL } else { SETTLE };
            }
        })?;
        Ok(())
    }

    /// Does what there is to do; false where something has yet to settle.
    fn look(&mut self) -> bool {
        let reloaded = self.reload_if_changed();
        let update = self.running.update();
        // What the configuration was waiting for may have come.
        self.retry |= update.changed && self.refused.is_some();
        let reloaded = reloaded && self.reload_if_changed();
        reloaded && update.settled
    }

    fn reload_if_changed(&mut self) -> bool {
        let stamp = FileStamp::of(self.source.path());
        // A file that has gone, or is empty, is about to be written, or else who asks
        // hears of it.
        let changed = stamp.is_some_and(|stamp| !stamp.is_empty()) && stamp != self.stamp;
        if !changed && !self.asked && !self.retry {
            return true;
        }
        if changed && stamp.is_some_and(|stamp| stamp.is_younger_than(SETTLE_CONFIG, SystemTime::now())) {
            return false;
        }
        let prepared = self.running.prepare(&self.source);
        let refused = match prepared.and_then(|prepared| prepared.commit(&mut self.running)) {
            Ok(()) => None,
            Err(Refused::Unsettled) => {
                self.asked = true;
                return false;
            }
            Err(Refused::Problems(problems)) => Some(problems),
        };
        // Another attempt that nobody has asked for says only what is new.
        let is_news = changed || self.asked || refused != self.refused;
        if let Some(problems) = refused.as_ref().filter(|_| is_news) {
            problems.iter().for_each(|problem| tracing::error!("{problem}"));
            let problems = problems.len();
            tracing::error!(problems, "configuration not reloaded; the one before stays in force");
        }
        (self.stamp, self.refused) = (stamp, refused);
        (self.asked, self.retry) = (false, false);
        true
    }
}
