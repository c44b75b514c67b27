//! What is served, and its replacement.

use std::sync::Arc;
use std::time::Duration;

use super::commit;
use super::folder::Folder;
use super::prepare::{Judge, Next};
use super::refused::Refused;
use super::update::{Update, log_loaded};

use crate::config::{CurrentServer, Source};
use crate::handlers::{Engine, Handler, News};
use crate::server;
use crate::site::Current;
use crate::static_files::Memory;
use crate::telemetry::AccessLog;

/// How long a reload waits for migrations: what they are for works meanwhile as before.
const PATIENCE: Duration = Duration::from_mins(10);

/// What is served.
#[derive(Debug)]
pub struct Running {
    pub(super) folder: Folder,
    pub(super) memory: Arc<Memory>,
    pub(super) site: Arc<Current>,
    pub(super) settings: Arc<CurrentServer>,
    pub(super) access_log: AccessLog,
    pub(super) strict: bool,
    pub(super) inherited: bool,
}

/// What may take the place of what is served.
pub struct Prepared {
    next: Next,
    /// The settings that keep their values until a restart.
    kept: Vec<&'static str>,
    /// Whether it is the same.
    unchanged: bool,
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

    /// The access log, from the start to the end.
    pub fn access_log(&self) -> &AccessLog {
        &self.access_log
    }

    /// The handlers of this moment.
    pub fn handlers(&self) -> impl Iterator<Item = &Arc<Handler>> {
        self.folder.handlers()
    }

    /// Loads what changed in the handlers folder, and serves it.
    pub fn update(&mut self) -> Update {
        self.folder.update(&self.site)
    }

    /// Prepares what `source` says now. What a running process cannot change keeps its value,
    /// but has to be right all the same.
    ///
    /// # Errors
    ///
    /// Why everything stays as it is.
    pub fn prepare(&self, source: &Source) -> Result<Prepared, Refused> {
        let mut judge = Judge::read(source)?;
        let running = &self.folder.config.server;
        if !self.inherited && judge.judges_addresses() {
            // Those that are held already are this process's own.
            let is_ours = |address| running.listen.contains(&address) || running.probes == Some(address);
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
        let next = judge.next(&self.folder, memory, self.strict)?;
        let unchanged = next.folder.config == self.folder.config
            && next
                .folder
                .mounts
                .iter()
                .all(|mount| self.folder.mounts.iter().any(|own| Arc::ptr_eq(own, mount)));
        Ok(Prepared { next, kept, unchanged })
    }
}

impl Prepared {
    /// Takes the place of what is `running`.
    ///
    /// # Errors
    ///
    /// What could not be opened; then everything stays as it is.
    pub fn commit(self, running: &mut Running) -> Result<(), Refused> {
        let Self { next, kept, unchanged } = self;
        let path = next.folder.config.server.access_log_path();
        let moves = path != running.folder.config.server.access_log_path();
        let destination = moves.then(|| commit::destination(&next)).transpose()?;
        let opened = commit::open(&next, PATIENCE)?;
        commit::put(&next, opened).iter().for_each(News::log);
        let Next { folder, site, memory, tolerated, .. } = next;
        running.site.store(Arc::new(site));
        running.settings.store(Arc::new(folder.config.server.clone()));
        if let Some(destination) = destination {
            running.access_log.redirect(destination);
        }
        tolerated.iter().for_each(|problem| tracing::error!("{problem}; its routes answer 503"));
        let before = std::mem::replace(&mut running.folder, folder);
        let after = &running.folder;
        after.handlers().filter(|handler| !before.has(handler)).for_each(|handler| log_loaded(handler));
        before.handlers().filter(|handler| !after.has(handler)).for_each(|handler| handler.supersede());
        running.memory = memory;
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
}
