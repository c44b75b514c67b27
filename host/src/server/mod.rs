//! The server: listeners, cores, connections, and their end.
//!
//! One control thread binds, accepts and waits for signals; each core is a thread
//! with its own single-threaded runtime, on which a connection and the guest code
//! it calls stay. The accept loop gives each connection to the core that has the
//! fewest, so that long-lived connections stay in balance; where there are too many,
//! one that has nothing to do makes room.

mod connection;
mod core;
pub mod guard;
mod limits;
mod listener;
mod open;
mod signals;

use std::net::SocketAddr;
use std::sync::Arc;

use crate::config::{CurrentServer, ServerConfig};
use crate::dispatch::Dispatch;
use crate::handlers::Engine;

pub use limits::{check_connections, raise_open_files};
pub use listener::{BindError, Listeners};
pub use signals::Request;

/// Binds all addresses, before anything slow is done.
///
/// # Errors
///
/// Every address that cannot be had.
pub fn bind(config: &ServerConfig) -> Result<Listeners, BindError> {
    Listeners::bind(&config.listen)
}

/// Serves until a signal, then drains. Runs on the calling thread.
///
/// `announce` is called once connections are accepted, with the bound addresses;
/// `on_request` must not wait.
///
/// # Errors
///
/// If a thread or runtime cannot be started.
pub fn run(
    settings: &Arc<CurrentServer>,
    listeners: Listeners,
    engine: &Arc<Engine>,
    dispatch: &Arc<Dispatch>,
    on_request: impl Fn(Request),
    announce: impl FnOnce(&[SocketAddr]),
) -> anyhow::Result<()> {
    let addresses = listeners.addresses().to_vec();
    engine.set_self_address(addresses.first().copied());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let cores = (0..settings.load().cores)
        .map(|index| core::spawn(index, settings, engine, dispatch))
        .collect::<std::io::Result<Vec<_>>>()?;
    runtime.block_on(async {
        let mut signals = signals::Signals::listen()?;
        let acceptor = listener::Acceptor::new(listeners)?;
        announce(&addresses);
        let signal = tokio::select! {
            signal = signals.until_end(on_request) => signal,
            never = acceptor.run(&cores, settings) => match never {},
        };
        tracing::info!(signal, "draining");
        dispatch.set_unready();
        acceptor.finish(&cores);
        let drained = core::drain(&cores, settings.load().drain_timeout);
        tokio::select! {
            unfinished = drained => match unfinished {
                0 => tracing::info!("drained"),
                connections => tracing::warn!(
                    connections,
                    "drain_timeout is over; calls under way are cancelled"
                ),
            },
            signal = signals.next_deliberate() => {
                tracing::warn!(signal, "second signal; calls under way are cancelled");
            }
        }
        anyhow::Ok(())
    })?;
    core::stop(cores);
    Ok(())
}
