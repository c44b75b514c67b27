//! What is served, and its replacement.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::commit;
use super::folder::Folder;
use super::loads::Loads;
use super::prepare::{Judge, Next};
use super::refused::Refused;
use super::secure::Secure;
use super::update::{GRACE, Update, log_loaded, log_restored};
use crate::config::{CurrentServer, Source};
use crate::data::Hold;
use crate::handlers::{Engine, Handler, News};
use crate::problem::Problem;
use crate::readiness::Readiness;
use crate::server;
use crate::site::Current;
use crate::static_files::{Memory, Mount};
use crate::telemetry::AccessLog;
use crate::tls::CurrentTls;

/// How long a reload waits for migrations: what they are for works meanwhile as before.
const PATIENCE: Duration = Duration::from_mins(10);

/// What is served.
#[derive(Debug)]
pub struct Running {
    pub(super) folder: Folder,
    /// Of the data folder, once there is one.
    pub(super) hold: Option<Hold>,
    pub(super) memory: Arc<Memory>,
    pub(super) secure: Secure,
    pub(super) tls: Arc<CurrentTls>,
    pub(super) site: Arc<Current>,
    pub(super) settings: Arc<CurrentServer>,
    pub(super) access_log: AccessLog,
    pub(super) readiness: Arc<Readiness>,
    pub(super) strict: bool,
    pub(super) inherited: bool,
    /// The static folders that cannot be read, since when, and whether that was said.
    pub(super) missed: Vec<(Arc<Mount>, Instant, bool)>,
}

/// What may take the place of what is served.
pub struct Prepared {
    next: Next,
    /// The settings that keep their values until a restart.
    kept: Vec<&'static str>,
    /// What is not as it was.
    changed: Vec<String>,
}

impl Running {
    /// The engine, from the start to the end.
    pub fn engine(&self) -> &Arc<Engine> {
        self.folder.engine()
    }

    /// The routes of this moment.
    pub fn site(&self) -> &Arc<Current> {
        &self.site
    }

    /// The settings of this moment.
    pub fn settings(&self) -> &Arc<CurrentServer> {
        &self.settings
    }

    /// What TLS is spoken with at this moment.
    pub fn tls(&self) -> &Arc<CurrentTls> {
        &self.tls
    }

    /// The access log, from the start to the end.
    pub fn access_log(&self) -> &AccessLog {
        &self.access_log
    }

    /// Whether the server lacks something that it serves from.
    pub fn readiness(&self) -> &Arc<Readiness> {
        &self.readiness
    }

    /// The handlers of this moment.
    pub fn handlers(&self) -> impl Iterator<Item = &Arc<Handler>> {
        self.folder.handlers()
    }

    /// Serves the version before, where one has failed in its first calls; and, where it
    /// `looks`, has loaded what changed in the handlers folder, and serves what is there.
    pub fn update(&mut self, looks: bool, loads: &mut Loads) -> Update {
        let update = match looks {
            true => self.folder.update(&self.site, loads),
            false => {
                self.folder.roll_back(&self.site);
                Update::default()
            }
        };
        self.look_at_mounts();
        let lacks_handlers = self.folder.unreadable.is_some_and(|(_, said)| said);
        self.readiness.lacks(lacks_handlers || self.missed.iter().any(|(.., said)| *said));
        update
    }

    /// Whether another folder has taken the place of one that is served, as where a link to
    /// the folder of a release was switched, or other files that of certificates.
    pub fn has_moved(&self) -> bool {
        self.folder.mounts.iter().any(|mount| mount.has_moved()) || self.secure.has_changed()
    }

    /// Says once which static folders cannot be read for more than a moment.
    fn look_at_mounts(&mut self) {
        let unreadable = |mount: &Arc<Mount>| mount.check().err().map(|problem| (mount.clone(), problem));
        let now: Vec<(Arc<Mount>, Problem)> = self.folder.mounts.iter().filter_map(unreadable).collect();
        let before = std::mem::take(&mut self.missed);
        for (mount, _, said) in &before {
            if *said && !now.iter().any(|(missed, _)| Arc::ptr_eq(missed, mount)) {
                tracing::info!("static mount `{}/`: its folder can be read again", mount.prefix());
            }
        }
        for (mount, problem) in now {
            let known = before.iter().find(|(missed, ..)| Arc::ptr_eq(missed, &mount));
            let (since, mut said) = known.map_or((Instant::now(), false), |(_, since, said)| (*since, *said));
            if !said && since.elapsed() >= GRACE {
                tracing::error!("{problem}");
                said = true;
            }
            self.missed.push((mount, since, said));
        }
    }

    /// Prepares what `source` says now. What a running process cannot change keeps its value,
    /// but has to be right all the same.
    ///
    /// # Errors
    ///
    /// Why everything stays as it is.
    pub fn prepare(&self, source: &Source, loads: &mut Loads) -> Result<Prepared, Refused> {
        let mut judge = Judge::read(source)?;
        let running = &self.folder.config.server;
        if !self.inherited && judge.judges_addresses() {
            // Those that are held already are this process's own.
            let is_ours = |address| {
                running.all_listeners().any(|own| own.address == address) || running.probes == Some(address)
            };
            let wrong = server::try_bind(&judge.config.server, is_ours);
            judge.add(wrong);
        }
        let kept = judge.config.server.keep_fixed(running);
        judge.machine();
        let same_memory = judge.config.server.static_memory == running.static_memory;
        let memory = match same_memory {
            true => self.memory.clone(),
            false => Arc::new(Memory::new(&judge.config.server.static_memory)),
        };
        let next = judge.next((&self.folder, &self.secure), memory, self.strict, loads)?;
        let mut changed = next.folder.config.differences(&self.folder.config);
        for mount in &next.folder.mounts {
            let is_new = !self.folder.mounts.iter().any(|own| Arc::ptr_eq(own, mount));
            if is_new && changed.is_empty() {
                changed.push(format!("the folder of `{}/`", mount.prefix()));
            }
        }
        if changed.is_empty() && next.secure.differs(&self.secure) {
            changed.push("the files of certificates".to_owned());
        }
        Ok(Prepared { next, kept, changed })
    }
}

impl Prepared {
    /// Takes the place of what is `running`.
    ///
    /// # Errors
    ///
    /// What could not be opened; then everything stays as it is.
    pub fn commit(self, running: &mut Running) -> Result<(), Refused> {
        let Self { next, kept, changed } = self;
        let path = next.folder.config.server.access_log_path();
        let moves = path != running.folder.config.server.access_log_path();
        let destination = moves.then(|| commit::destination(&next)).transpose()?;
        let (opened, hold) = commit::open(&next, PATIENCE)?;
        commit::put(&next, opened).iter().for_each(News::log);
        let Next { folder, site, memory, secure, tolerated, odd, .. } = next;
        running.site.store(Arc::new(site));
        running.settings.store(Arc::new(folder.config.server.clone()));
        if let Some(destination) = destination {
            running.access_log.redirect(destination);
        }
        tolerated.iter().for_each(|problem| tracing::error!("{problem}; its routes answer 503"));
        odd.iter().for_each(|problem| tracing::warn!("{problem}"));
        let before = std::mem::replace(&mut running.folder, folder);
        let after = &running.folder;
        after.handlers().filter(|handler| !before.has(handler)).for_each(|handler| log_loaded(handler));
        before.handlers().filter(|handler| !after.has(handler)).for_each(|handler| handler.supersede());
        before
            .restored_in(after)
            .filter(|handler| before.has(handler))
            .for_each(|handler| log_restored(handler));
        running.memory = memory;
        running.tls.store(secure.tls.clone());
        running.secure = secure;
        running.hold = hold;
        if !kept.is_empty() {
            let keys = kept.join(", ");
            tracing::warn!(keys, "these settings need a restart; their old values stay in force");
        }
        match changed.is_empty() {
            true => tracing::info!("configuration reloaded; nothing has changed"),
            false => tracing::info!(changed = changed.join(", "), "configuration reloaded"),
        }
        Ok(())
    }
}
