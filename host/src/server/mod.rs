//! The server: listeners, cores, connections, and their end.
//!
//! One control thread binds, accepts and waits for signals; each core is a thread
//! with its own single-threaded runtime, on which a connection and the guest code
//! it calls stay. The accept loop gives each connection to the core that has the
//! fewest, so that long-lived connections stay in balance; where there are too many,
//! one that has nothing to do makes room.

mod arrival;
mod client;
mod clock;
mod connection;
mod core;
mod events;
pub mod guard;
mod handshake;
mod http2;
mod in_process;
mod limits;
mod listener;
mod meter;
mod open;
mod phase;
mod probes;
mod serving;
mod signals;
mod stand_in;
mod streams;
mod transport;

use std::convert::Infallible;
use std::sync::Arc;

use futures_util::future::join_all;

use crate::config::{CurrentServer, ServerConfig};
use crate::dispatch::Dispatch;
use crate::handlers::{Engine, Seat};
use crate::supervisor;
use crate::tls::CurrentTls;

pub use in_process::InProcess;
pub use limits::{check_connections, check_threads, raise_open_files};
pub use listener::{BindError, Listeners, try_bind};
pub use listenfd::ListenFd as Passed;
pub use signals::Signal;
pub use stand_in::stand_in;

/// Takes the sockets that were passed, or else binds all addresses, before anything slow is done.
///
/// # Errors
///
/// Every address that cannot be had.
pub fn bind(config: &ServerConfig, passed: Passed) -> Result<Listeners, BindError> {
    Listeners::open(passed, config)
}

/// Serves until a signal, then drains. Runs on the calling thread.
///
/// `announce` is called once connections are accepted, with the URLs of the bound addresses;
/// `on_signal` must not wait.
///
/// # Errors
///
/// If a thread or runtime cannot be started.
pub fn run(
    settings: &Arc<CurrentServer>,
    mut listeners: Listeners,
    engine: &Arc<Engine>,
    (dispatch, tls): (&Arc<Dispatch>, &Arc<CurrentTls>),
    on_signal: impl Fn(Signal),
    announce: impl FnOnce(&[String]),
) -> anyhow::Result<()> {
    let urls = listeners.urls();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let cores = Seat::all(settings.load().cores)
        .into_iter()
        .enumerate()
        .map(|(index, seat)| core::spawn(index, seat, settings, engine, (dispatch, tls), None))
        .collect::<std::io::Result<Vec<_>>>()?;
    runtime.block_on(async {
        let mut signals = signals::Signals::listen()?;
        if let Some(socket) = listeners.take_probes() {
            let listener = tokio::net::TcpListener::from_std(socket)?;
            tokio::spawn(probes::serve(listener, dispatch.clone()));
        }
        let acceptor = listener::Acceptor::new(listeners)?;
        announce(&urls);
        supervisor::ready();
        let until_drain = async {
            let signal = signals.until_end(&on_signal).await;
            dispatch.set_unready();
            supervisor::stopping();
            let delay = settings.load().shutdown_delay;
            if !delay.is_zero() {
                tracing::info!(signal, ?delay, "not ready any more; draining after shutdown_delay");
                // Another signal is for who cannot wait.
                tokio::time::timeout(delay, signals.next_deliberate(&on_signal)).await.ok();
            }
            signal
        };
        let signal = tokio::select! {
            signal = until_drain => signal,
            never = tell_alive(&cores) => match never {},
            never = acceptor.run(&cores, settings) => match never {},
        };
        tracing::info!(signal, "draining");
        acceptor.finish(&cores);
        let drained = core::drain(&cores, engine, settings.load().drain_timeout);
        tokio::select! {
            unfinished = drained => match unfinished {
                (0, 0) => tracing::info!("drained"),
                (connections, tasks) => tracing::warn!(
                    connections,
                    tasks,
                    "drain_timeout is over; calls under way are cancelled"
                ),
            },
            signal = signals.next_deliberate(&on_signal) => {
                tracing::warn!(signal, "second signal; calls under way are cancelled");
            }
        }
        anyhow::Ok(())
    })?;
    core::stop(cores);
    Ok(())
}

/// Tells the supervisor, where it wants to hear it, that every core still answers.
async fn tell_alive(cores: &[core::Core]) -> Infallible {
    let Some(within) = supervisor::watchdog() else { return std::future::pending().await };
    loop {
        // Who computes gives way to others every few milliseconds.
        join_all(cores.iter().map(core::Core::spare)).await;
        supervisor::alive();
        tokio::time::sleep(within / 3).await;
    }
}
