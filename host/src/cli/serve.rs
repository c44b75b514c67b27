//! `patchboard serve`.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;
use listenfd::ListenFd;

use super::site;
use super::source::SourceArgs;
use crate::config::{Config, CurrentServer};
use crate::deploy::{FileStamp, log_loaded};
use crate::dispatch::Dispatch;
use crate::follow::Follower;
use crate::server::{self, Request};
use crate::site::Current;
use crate::telemetry::{self, AccessLog, Destination};

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    source: SourceArgs,
    /// An address to listen on, any number of times; port 0 takes a free port [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    listen: Vec<SocketAddr>,
    /// Treat every problem of a dropped-in handler as an error
    #[arg(long)]
    strict: bool,
    /// Show traps and their backtraces in error bodies; not for production
    #[arg(long)]
    dev: bool,
    /// What is logged, for example `info`, `warn` or `debug`
    #[arg(long, value_name = "FILTER", default_value = "info", env = "PATCHBOARD_LOG")]
    log: String,
}

impl Serve {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        telemetry::start(&self.log)?;
        let source = self.source.source(&self.listen, self.dev);
        // Before it is read, so that no change is missed.
        let stamp = FileStamp::of(source.path());
        let config = Config::load(&source)?;
        server::raise_open_files();
        let connections = server::check_connections(config.server.connections);
        let listeners = server::bind(&config.server, ListenFd::from_env());
        let destination = Destination::open(config.server.access_log_path());
        let mut loaded = site::load(&config)?;
        if self.strict {
            loaded.fatal.append(&mut loaded.tolerable);
        }
        loaded.fatal.extend(connections.err());
        let mut of_databases = Vec::new();
        if loaded.fatal.is_empty() {
            // Their schemas are brought up to date by a server that will run.
            let databases = loaded.engine.databases();
            loaded.fatal.extend(databases.configure(&config.databases));
            let (notices, problems) = databases.wait();
            of_databases = notices;
            loaded.fatal.extend(problems);
        }
        // Later, what is wrong with it would be told to guests only.
        if loaded.folder.config().keeps_in_file() {
            loaded.fatal.extend(loaded.engine.stores().open_file().err().map(|error| error.to_string()));
        }
        let listeners = listeners.map_err(|error| loaded.fatal.push(error.to_string()));
        let destination = destination.map_err(|error| loaded.fatal.push(error));
        let (Ok(listeners), Ok(destination), true) = (listeners, destination, loaded.fatal.is_empty()) else {
            bail!("{}", loaded.fatal.join("\n"));
        };
        let current = Arc::new(Current::from_pointee(loaded.site));
        loaded.engine.set_site(Arc::<Current>::downgrade(&current));
        let (access_log, writer) = AccessLog::start(destination)?;
        let settings = Arc::new(CurrentServer::from_pointee(config.server));
        let dispatch = Arc::new(Dispatch::new(
            current.clone(),
            loaded.engine.clone(),
            access_log.clone(),
            settings.clone(),
        ));
        let handlers: Vec<_> = loaded.folder.handlers().cloned().collect();
        let follower = Follower::new((source, stamp), loaded.folder, loaded.memory, &dispatch);
        let reload = follower.reload();
        let on_request = |request| match request {
            Request::Reload => reload.request(),
            Request::Reopen => access_log.reopen(),
        };
        let probes = listeners.probes();
        let are_inherited = listeners.are_inherited();
        server::run(&settings, listeners, &loaded.engine, &dispatch, on_request, |addresses| {
            for address in addresses {
                eprintln!("listening on http://{address}");
            }
            if let Some(address) = probes {
                eprintln!("probes on http://{address}");
            }
            if are_inherited {
                tracing::info!("the sockets are those of LISTEN_FDS; `listen` is not used");
            }
            loaded.engine.notices().iter().for_each(|notice| tracing::warn!("{notice}"));
            of_databases.iter().for_each(|notice| tracing::info!("{notice}"));
            // By value: what is replaced later is not to be kept.
            handlers.into_iter().for_each(|handler| log_loaded(&handler));
            for problem in &loaded.tolerable {
                tracing::error!("{problem}; its routes answer 503");
            }
            if let Err(error) = follower.start() {
                tracing::error!(%error, "cannot follow the configuration and the handlers folder; changes need a restart");
            }
        })?;
        loaded.engine.stores().close();
        access_log.finish(writer);
        Ok(())
    }
}
