//! `patchboard serve`.

use std::sync::Arc;

use clap::Args;
use listenfd::ListenFd;

use super::source::ServerArgs;
use crate::config::Source;
use crate::deploy::{self, Beginning, FileStamp, Started, log_loaded};
use crate::dispatch::Dispatch;
use crate::follow::{Events, Follower};
use crate::handlers::News;
use crate::server::{self, Signal};
use crate::telemetry;

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    server: ServerArgs,
    /// Treat every problem of a dropped-in handler as an error, at start and at a reload
    #[arg(long)]
    strict: bool,
    /// Show traps and their backtraces in error bodies; not for production
    #[arg(long)]
    dev: bool,
    /// What is logged: off, error, warn, info, debug or trace; `info,hyper=debug` for a part of it
    #[arg(long, value_name = "FILTER", default_value = "info", env = "PATCHBOARD_LOG")]
    log: String,
}

impl Serve {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        telemetry::start(&self.log);
        let source = Source { log: Some(self.log.clone()), ..self.server.source(self.dev) };
        // Before it is read, so that no change is missed.
        let stamp = FileStamp::of(source.path());
        let events = Events::default();
        let beginning =
            Beginning { passed: ListenFd::from_env(), alarm: Box::new(events.look()), strict: self.strict };
        let started = deploy::start(&source, beginning)?.commit()?;
        // What it took to compile, and to find out what is wrong.
        patchboard_allocator::give_back();
        let Started { running, listeners, writer, tolerated, odd, news } = started;
        let (engine, settings) = (running.engine().clone(), running.settings().clone());
        let (access_log, tls) = (running.access_log().clone(), running.tls().clone());
        let dispatch = Arc::new(Dispatch::new(
            running.site().clone(),
            engine.clone(),
            access_log.clone(),
            settings.clone(),
            running.readiness().clone(),
        ));
        let handlers: Vec<_> = running.handlers().cloned().collect();
        let reload = events.reload();
        let follower = Follower::new((source, stamp), running, events);
        let on_signal = |signal| match signal {
            Signal::Reload => reload.request(),
            Signal::Reopen => access_log.reopen(),
        };
        let probes = listeners.probes();
        let are_inherited = listeners.are_inherited();
        server::run(&settings, listeners, &engine, (&dispatch, &tls), on_signal, |urls| {
            for url in urls {
                eprintln!("listening on {url}");
            }
            if let Some(address) = probes {
                eprintln!("probes on http://{address}");
            }
            if are_inherited {
                tracing::info!("the sockets are those of LISTEN_FDS; `listen` is not used");
            }
            engine.notices().iter().for_each(|notice| tracing::warn!("{notice}"));
            odd.iter().for_each(|problem| tracing::warn!("{problem}"));
            news.iter().for_each(News::log);
            // By value: what is replaced later is not to be kept.
            handlers.into_iter().for_each(|handler| log_loaded(&handler));
            for problem in &tolerated {
                tracing::error!("{problem}; its routes answer 503");
            }
            if let Err(error) = follower.start() {
                tracing::error!(%error, "cannot follow the configuration and the handlers folder; changes need a restart");
            }
        })?;
        engine.grants().close();
        access_log.finish(writer);
        Ok(())
    }
}
