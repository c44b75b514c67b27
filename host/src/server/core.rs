//! A core: one thread, one runtime, the connections it was given.

use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;

use super::ConnectionLimits;
use super::connection;
use crate::config::CurrentServer;
use crate::dispatch::Dispatch;
use crate::handlers::{self, Engine};

/// Threads a core may use for blocking file work.
const BLOCKING_THREADS: usize = 16;
/// How often a drain looks whether it is done.
const DRAIN_POLL: Duration = Duration::from_millis(5);

/// The control thread's end of a core.
#[derive(Debug)]
pub(super) struct Core {
    connections: Arc<AtomicUsize>,
    given: mpsc::UnboundedSender<Given>,
    phase: watch::Sender<Phase>,
    thread: JoinHandle<()>,
}

/// Where a core is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Serving,
    /// Connections end after the request under way.
    Draining,
    /// Everything is dropped.
    Stopped,
}

struct Given {
    stream: TcpStream,
    peer: SocketAddr,
    counted: Counted,
}

/// A connection counts from its acceptance to its end.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Core {
    /// Connections this core has.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Hands a connection over; bounded by the limit the accept loop keeps.
    pub(super) fn give(&self, stream: TcpStream, peer: SocketAddr) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let counted = Counted(self.connections.clone());
        self.given.send(Given { stream, peer, counted }).ok();
    }
}

pub(super) fn spawn(
    index: usize,
    settings: &Arc<CurrentServer>,
    engine: &Arc<Engine>,
    dispatch: &Arc<Dispatch>,
) -> std::io::Result<Core> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()?;
    let (given, receiver) = mpsc::unbounded_channel();
    let (phase, phases) = watch::channel(Phase::Serving);
    let (settings, engine, dispatch) = (settings.clone(), engine.clone(), dispatch.clone());
    let thread = std::thread::Builder::new().name(format!("core-{index}")).spawn(move || {
        let local = LocalSet::new();
        local.block_on(&runtime, serve(receiver, phases, settings, engine, dispatch));
        // Calls under way end here, with the loop they ran in.
        drop(local);
        runtime.shutdown_background();
    })?;
    Ok(Core { connections: Arc::default(), given, phase, thread })
}

async fn serve(
    mut given: mpsc::UnboundedReceiver<Given>,
    mut phases: watch::Receiver<Phase>,
    settings: Arc<CurrentServer>,
    engine: Arc<Engine>,
    dispatch: Arc<Dispatch>,
) {
    let core = Rc::new(handlers::Core::new(engine));
    let watched = core.clone();
    tokio::task::spawn_local(async move { watched.watch().await });
    let of_connections = phases.clone();
    loop {
        tokio::select! {
            biased;
            stopped = phases.wait_for(|phase| *phase == Phase::Stopped) => {
                drop(stopped);
                return;
            }
            next = given.recv() => {
                let Some(Given { stream, peer, counted }) = next else { return };
                let limits = ConnectionLimits::of(&settings.load());
                let (core, dispatch, phases) = (core.clone(), dispatch.clone(), of_connections.clone());
                tokio::task::spawn_local(async move {
                    connection::serve(stream, peer, limits, &core, &dispatch, phases).await;
                    drop(counted);
                });
            }
        }
    }
}

/// Lets connections finish what is under way; gives the number that did not.
pub(super) async fn drain(cores: &[Core], limit: Duration) -> usize {
    for core in cores {
        core.phase.send_replace(Phase::Draining);
    }
    let left = || cores.iter().map(Core::connections).sum();
    let all_done = async {
        while left() > 0 {
            tokio::time::sleep(DRAIN_POLL).await;
        }
    };
    tokio::time::timeout(limit, all_done).await.ok();
    left()
}

/// Ends the cores, cancelling what still runs.
pub(super) fn stop(cores: Vec<Core>) {
    for core in &cores {
        core.phase.send_replace(Phase::Stopped);
    }
    for core in cores {
        core.thread.join().ok();
    }
}
