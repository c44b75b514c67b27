//! What changes while the server runs: the configuration and the handlers folder.
//!
//! One thread follows both, and it alone replaces the site. In: file events, a look
//! every few seconds, and requests ([`Reload`], on SIGHUP). Here: a configuration is
//! read, checked and made into a site completely before it takes the place of the one
//! before; what is wrong changes nothing, and is said once.

mod events;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use self::events::Events;
pub use self::events::Reload;
use crate::config::{Config, Source};
use crate::deploy::{FileStamp, Folder, Refused, SETTLE};
use crate::dispatch::Dispatch;
use crate::handlers;
use crate::server;
use crate::static_files::{Memory, Mount};
use crate::telemetry::Destination;

/// How often is looked where no event comes, as on network drives.
const POLL: Duration = Duration::from_secs(2);
/// A configuration that changed less than this ago may still be being written. Longer
/// than for components, since the start of a configuration may well be valid.
const SETTLE_CONFIG: Duration = Duration::from_millis(250);

/// Follows the configuration and the handlers folder.
#[derive(Debug)]
pub struct Follower {
    source: Source,
    dispatch: Arc<Dispatch>,
    folder: Folder,
    memory: Arc<Memory>,
    events: Events,
    /// The file that was read last.
    stamp: Option<FileStamp>,
    /// Whether a reload was asked for and is still to be done.
    asked: bool,
    /// Whether what was refused may be right now.
    retry: bool,
    /// What was wrong with the configuration that was read last.
    refused: Option<Vec<String>>,
}

impl Follower {
    /// Of what was loaded from `source` when its file was as `stamp` tells, for what
    /// `dispatch` does.
    pub fn new(
        (source, stamp): (Source, Option<FileStamp>),
        folder: Folder,
        memory: Arc<Memory>,
        dispatch: &Arc<Dispatch>,
    ) -> Self {
        Self {
            source,
            dispatch: dispatch.clone(),
            folder,
            memory,
            events: Events::new(),
            stamp,
            asked: false,
            retry: false,
            refused: None,
        }
    }

    /// For who may ask for a reload.
    pub fn reload(&self) -> Reload {
        self.events.reload()
    }

    /// Follows for as long as the process lives.
    ///
    /// # Errors
    ///
    /// If a thread cannot be started.
    pub fn start(mut self) -> std::io::Result<()> {
        let threads = handlers::beside_requests().map_err(std::io::Error::other)?;
        let handlers_dir = self.folder.config().server.handlers_dir.clone();
        self.folder.on_alarm(self.events.look());
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
        let update = self.folder.update(self.dispatch.site());
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
        let refused = match self.read_anew() {
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

    fn read_anew(&mut self) -> Result<(), Refused> {
        let mut config = Config::load(&self.source).map_err(|error| Refused::Problems(error.0))?;
        let running = self.folder.config();
        let kept = config.server.keep_fixed(&running.server);
        let memory = match config.server.static_memory == running.server.static_memory {
            true => self.memory.clone(),
            false => Arc::new(Memory::new(&config.server.static_memory)),
        };
        let (mut mounts, mut problems) = open_mounts(&config, &memory);
        if config.server.connections != running.server.connections {
            problems.extend(server::check_connections(config.server.connections).err());
        }
        let path = config.server.access_log_path();
        let destination = (path != running.server.access_log_path())
            .then(|| Destination::open(path).map_err(|error| problems.push(error)));
        let unchanged = self.keep_mounts(&mut mounts) & (config == *running);
        let settings = Arc::new(config.server.clone());
        self.folder.reconfigure(config, mounts, problems, self.dispatch.site())?;
        self.dispatch.settings().store(settings);
        if let Some(Ok(destination)) = destination {
            self.dispatch.access_log().redirect(destination);
        }
        self.memory = memory;
        if !kept.is_empty() {
            let keys = kept.join(", ");
            tracing::warn!(keys, "these settings need a restart; their old values stay in force");
        }
        match unchanged {
            true => tracing::info!("configuration reloaded; nothing has changed"),
            false => tracing::info!("configuration reloaded"),
        }
        Ok(())
    }

    /// Puts those in the place of their equals that are there already, with what they
    /// remember; true where that is all of them.
    fn keep_mounts(&self, mounts: &mut [Arc<Mount>]) -> bool {
        let mut all = true;
        for mount in mounts {
            match self.folder.mounts().iter().find(|running| running.is_same(mount)) {
                Some(running) => *mount = running.clone(),
                None => all = false,
            }
        }
        all
    }
}

/// The mounts of `config`, and all that is wrong with them.
pub fn open_mounts(config: &Config, memory: &Arc<Memory>) -> (Vec<Arc<Mount>>, Vec<String>) {
    let (mut mounts, mut problems) = (Vec::new(), Vec::new());
    for mount in &config.mounts {
        match Mount::open(mount.clone(), memory) {
            Ok(mount) => mounts.push(Arc::new(mount)),
            Err(error) => problems.push(error.to_string()),
        }
    }
    (mounts, problems)
}
