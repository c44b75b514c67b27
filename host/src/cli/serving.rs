//! Serving what a configuration names until a signal: what `serve` and `dev` have in common.

use std::sync::Arc;

use listenfd::ListenFd;

use crate::config::Source;
use crate::deploy::{self, Beginning, FileStamp, Started, log_loaded};
use crate::dev::{Developer, Place};
use crate::dispatch::Dispatch;
use crate::follow::{Events, Follower};
use crate::handlers::News;
use crate::server::{self, Signal};

/// Serves what `source` names, to its `developer` if there is one, and drains at the end.
///
/// # Errors
///
/// All that is wrong with it.
pub(super) fn serve(source: Source, strict: bool, developer: Option<Developer>) -> anyhow::Result<()> {
    // Before it is read, so that no change is missed.
    let stamp = FileStamp::of(source.path());
    let events = Events::default();
    let beginning = Beginning { passed: ListenFd::from_env(), alarm: Box::new(events.look()), strict };
    let start = deploy::start(&source, beginning)?;
    developer.iter().try_for_each(|developer| developer.check(&start.addresses()))?;
    let started = start.commit()?;
    // What it took to compile, and to find out what is wrong.
    patchboard_allocator::give_back();
    let Started { running, listeners, writer, tolerated, odd, news } = started;
    let (engine, settings) = (running.engine().clone(), running.settings().clone());
    let (site, access_log) = (running.site().clone(), running.access_log().clone());
    let tls = running.tls().clone();
    let dispatch = Dispatch::new(
        site.clone(),
        engine.clone(),
        access_log.clone(),
        settings.clone(),
        running.readiness().clone(),
    );
    let dispatch = Arc::new(dispatch.at(developer.as_ref().map(|developer| developer.desk().clone())));
    let handlers: Vec<_> = running.handlers().cloned().collect();
    let reload = events.reload();
    let follower = Follower::new((source, stamp), running, events);
    let follower = match &developer {
        Some(developer) => follower.telling(developer.told()),
        None => follower,
    };
    let ending = developer.as_ref().map(Developer::ending);
    let on_signal = |signal| match signal {
        Signal::Reload => reload.request(),
        Signal::Reopen => access_log.reopen(),
    };
    let probes = listeners.probes();
    let are_inherited = listeners.are_inherited();
    let plain = listeners.plain_address();
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
        if let Some(developer) = developer {
            let place = Place { site, address: plain, data: settings.load().data_dir.clone() };
            if let Err(error) = developer.start(place) {
                tracing::error!(%error, "cannot build what is served");
            }
        }
    })?;
    ending.iter().for_each(crate::dev::Ending::end);
    engine.grants().close();
    access_log.finish(writer);
    Ok(())
}
