//! What changes while the server runs: the configuration and the handlers folder.
//!
//! One thread follows both, and it alone replaces what is served. In: file events, a look
//! every few seconds, and requests ([`Reload`], on SIGHUP). Here: when to look, and what to
//! say of it; what is looked at is prepared and put in its place by [`crate::deploy`].

mod events;

use std::time::{Duration, SystemTime};

pub use self::events::{Events, Reload};
use crate::config::{Follow, Source};
use crate::deploy::{Change, FileStamp, Loads, Refused, Running, SETTLE, Update};
use crate::problem::Problem;
use crate::supervisor;

/// How often is looked where no event comes, as on network drives.
const POLL: Duration = Duration::from_secs(2);
/// A configuration that changed less than this ago may still be being written. Longer
/// than for components, since the start of a configuration may well be valid.
const SETTLE_CONFIG: Duration = Duration::from_millis(250);

/// What has become of something that has changed.
#[derive(Debug, Clone)]
pub enum Followed {
    /// A handler serves, or is refused.
    Handler(Change),
    /// The configuration is in force, but for these problems, for which it is not.
    Configuration(Vec<Problem>),
}

/// Who is told of it.
type Told = Box<dyn Fn(Followed) + Send>;

/// Follows the configuration and the handlers folder.
pub struct Follower {
    source: Source,
    running: Running,
    events: Events,
    loads: Loads,
    /// The file that was read last.
    stamp: Option<FileStamp>,
    /// What was asked for and is still to be done.
    asked: Asked,
    /// Whether what was refused may be right now.
    retry: bool,
    /// What was wrong with the configuration that was read last.
    refused: Option<Vec<Problem>>,
    /// Whether something was loaded, and the memory that it took not yet given back.
    has_loaded: bool,
    told: Option<Told>,
}

/// What an operator has asked for, by SIGHUP.
#[derive(Debug, Default)]
struct Asked {
    /// To reload the configuration.
    reload: bool,
    /// To look at the handlers folder, where that is not followed.
    folder: bool,
}

/// Whether there is nothing left to do with the configuration for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reloaded {
    Settled,
    /// It may still be being written, or a component that it needs.
    Unsettled,
}

impl Follower {
    /// Of what is `running`, made of `source` when its file was as `stamp` tells.
    pub fn new((source, stamp): (Source, Option<FileStamp>), running: Running, events: Events) -> Self {
        let loads = Loads::new(events.look()).urgent(source.develops);
        let (asked, retry) = (Asked::default(), false);
        let (has_loaded, refused) = (false, None);
        let told = None;
        Self { source, running, events, loads, stamp, asked, retry, refused, has_loaded, told }
    }

    /// Tells `told` of what has become of what has changed; it must not wait.
    #[must_use]
    pub fn telling(self, told: impl Fn(Followed) + Send + 'static) -> Self {
        Self { told: Some(Box::new(told)), ..self }
    }

    /// Follows for as long as the process lives.
    ///
    /// # Errors
    ///
    /// If a thread cannot be started.
    pub fn start(mut self) -> std::io::Result<()> {
        std::thread::Builder::new().name("follow".to_owned()).spawn(move || {
            loop {
                let wait = self.look();
                if self.events.wait(wait) {
                    self.asked = Asked { reload: true, folder: true };
                }
            }
        })?;
        Ok(())
    }

    /// Does what there is to do; gives when to look again at the latest.
    fn look(&mut self) -> Duration {
        if !self.loads.is_empty() {
            self.has_loaded = true;
        } else if std::mem::take(&mut self.has_loaded) {
            patchboard_allocator::give_back();
        }
        let follow = self.running.settings().load().follow;
        let handlers_dir = self.running.settings().load().handlers_dir.clone();
        if follow != Follow::Nothing {
            self.events.watch(handlers_dir.as_deref(), self.source.path());
            // As a change of the configuration would be.
            self.retry |= self.running.has_moved();
        }
        let mut reloaded = self.reload_if_changed(follow);
        let looks = follow != Follow::Nothing || self.asked.folder;
        let Update { settled, changed, changes, due } = self.running.update(looks, &mut self.loads);
        if let Some(told) = &self.told {
            changes.into_iter().map(Followed::Handler).for_each(told);
        }
        // What the configuration was waiting for may have come.
        self.retry |= changed && self.refused.is_some();
        if reloaded == Reloaded::Settled {
            reloaded = self.reload_if_changed(follow);
        }
        self.loads.forget();
        let settled = settled && reloaded == Reloaded::Settled;
        self.asked.folder &= !settled || due.is_some() || !self.loads.is_empty();
        if settled { due.unwrap_or(POLL).min(POLL) } else { SETTLE }
    }

    fn reload_if_changed(&mut self, follow: Follow) -> Reloaded {
        let stamp = FileStamp::of(self.source.path());
        // A file that has gone, or is empty, is about to be written, or else who asks
        // hears of it.
        let changed =
            follow == Follow::All && stamp.is_some_and(|stamp| !stamp.is_empty()) && stamp != self.stamp;
        if !changed && !self.asked.reload && !self.retry {
            return Reloaded::Settled;
        }
        if changed && stamp.is_some_and(|stamp| stamp.is_younger_than(SETTLE_CONFIG, SystemTime::now())) {
            return Reloaded::Unsettled;
        }
        if self.asked.reload {
            supervisor::reloading();
        }
        let prepared = self.running.prepare(&self.source, &mut self.loads);
        let refused = match prepared.and_then(|prepared| prepared.commit(&mut self.running)) {
            Ok(()) => None,
            Err(Refused::Unsettled) => return Reloaded::Unsettled,
            // An event tells when it is there.
            Err(Refused::Loading) => return Reloaded::Settled,
            Err(Refused::Problems(problems)) => Some(problems),
        };
        // Another attempt that nobody has asked for says only what is new.
        let is_news = changed || self.asked.reload || refused != self.refused;
        if let Some(problems) = refused.as_ref().filter(|_| is_news) {
            problems.iter().for_each(|problem| tracing::error!("{problem}"));
            let problems = problems.len();
            tracing::error!(problems, "configuration not reloaded; the one before stays in force");
        }
        if self.asked.reload {
            supervisor::ready();
        }
        if let Some(told) = &self.told {
            told(Followed::Configuration(refused.clone().unwrap_or_default()));
        }
        (self.stamp, self.refused) = (stamp, refused);
        (self.asked.reload, self.retry) = (false, false);
        Reloaded::Settled
    }
}
