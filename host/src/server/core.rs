//! A core: one thread, one runtime, the connections it was given.

use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::DuplexStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::LocalSet;

use super::arrival::{self, Speaks};
use super::client::Client;
use super::connection;
use super::guard::{Rest, Watch};
use super::limits::ConnectionLimits;
use super::open::{Counted, OpenConnections};
use super::phase::Phase;
use super::serving::Serving;
use super::transport::Piped;
use crate::clients::PeerPlace;
use crate::config::CurrentServer;
use crate::dispatch::Dispatch;
use crate::handlers::{self, Engine, Seat};
use crate::tls::CurrentTls;

/// Threads a core may use for blocking file work.
const BLOCKING_THREADS: usize = 16;
/// How often a drain looks whether it is done.
const DRAIN_POLL: Duration = Duration::from_millis(5);

/// The control thread's end of a core.
#[derive(Debug)]
pub(super) struct Core {
    connections: Arc<AtomicUsize>,
    messages: mpsc::UnboundedSender<Message>,
    phase: watch::Sender<Phase>,
    thread: JoinHandle<()>,
}

/// What the control thread wants of a core.
enum Message {
    Given(Given),
    /// A connection within the process, which is neither counted nor closed for another.
    Piped(DuplexStream),
    /// How long has the connection that can best be spared had nothing to do?
    Spare(oneshot::Sender<Option<Rest>>),
    /// Close it; was there still one?
    CloseSpare(oneshot::Sender<bool>),
}

/// A connection that was accepted.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) speaks: Speaks,
    /// Among those of its peer, where these have a limit.
    pub(super) place: Option<PeerPlace>,
}

struct Given {
    stream: TcpStream,
    peer: SocketAddr,
    speaks: Speaks,
    counted: Counted,
}

impl Core {
    /// Connections this core has.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Hands a connection over; bounded by the limit the accept loop keeps.
    pub(super) fn give(&self, Accepted { stream, peer, speaks, place }: Accepted) {
        let counted = Counted::new(&self.connections, place);
        self.messages.send(Message::Given(Given { stream, peer, speaks, counted })).ok();
    }

    /// Hands over a connection within the process.
    pub(super) fn give_pipe(&self, stream: DuplexStream) {
        self.messages.send(Message::Piped(stream)).ok();
    }

    /// How long the connection that can best be spared has had nothing to do; none
    /// where all are at work.
    pub(super) async fn spare(&self) -> Option<Rest> {
        self.ask(Message::Spare).await.flatten()
    }

    /// Closes that connection; false where there is none any more.
    pub(super) async fn close_spare(&self) -> bool {
        self.ask(Message::CloseSpare).await.unwrap_or_default()
    }

    async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.messages.send(message(answer)).ok()?;
        answered.await.ok()
    }
}

/// Starts a core. What its thread logs goes to `log`, or where everything does.
pub(super) fn spawn(
    index: usize,
    seat: Seat,
    settings: &Arc<CurrentServer>,
    engine: &Arc<Engine>,
    (dispatch, tls): (&Arc<Dispatch>, &Arc<CurrentTls>),
    log: Option<tracing::Dispatch>,
) -> std::io::Result<Core> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()?;
    let (messages, receiver) = mpsc::unbounded_channel();
    let (phase, phases) = watch::channel(Phase::Serving);
    let (settings, engine, dispatch) = (settings.clone(), engine.clone(), dispatch.clone());
    let tls = tls.clone();
    let thread = std::thread::Builder::new().name(format!("core-{index}")).spawn(move || {
        let _log = log.as_ref().map(tracing::dispatcher::set_default);
        let local = LocalSet::new();
        local.block_on(&runtime, serve(receiver, phases, seat, settings, engine, (dispatch, tls)));
        // Calls under way end here, with the loop they ran in.
        drop(local);
        runtime.shutdown_background();
    })?;
    Ok(Core { connections: Arc::default(), messages, phase, thread })
}

async fn serve(
    mut messages: mpsc::UnboundedReceiver<Message>,
    mut phases: watch::Receiver<Phase>,
    seat: Seat,
    settings: Arc<CurrentServer>,
    engine: Arc<Engine>,
    (dispatch, tls): (Arc<Dispatch>, Arc<CurrentTls>),
) {
    let (own, mut own_connections) = mpsc::unbounded_channel();
    let (core, from_others) = handlers::Core::new(engine, own, seat);
    let core = Rc::new(core);
    let watched = core.clone();
    tokio::task::spawn_local(async move { watched.watch().await });
    tokio::task::spawn_local(core.clone().serve_others(from_others));
    let (of_connections, mut draining) = (phases.clone(), phases.clone());
    let watched = core.clone();
    let serving = move || Serving {
        core: watched.clone(),
        dispatch: dispatch.clone(),
        tls: tls.clone(),
        phases: of_connections.clone(),
        limits: ConnectionLimits::of(&settings.load()),
    };
    let open = Rc::new(OpenConnections::default());
    let mut is_draining = false;
    loop {
        tokio::select! {
            biased;
            stopped = phases.wait_for(|phase| *phase == Phase::Stopped) => {
                drop(stopped);
                core.stop().await;
                return;
            }
            draining = draining.wait_for(|phase| *phase != Phase::Serving), if !is_draining => {
                drop(draining);
                is_draining = true;
                core.drain();
            }
            Some(stream) = own_connections.recv() => {
                // Neither counted nor closed for another: it belongs to a call of this server.
                let (serving, watch) = (serving(), Rc::new(Watch::default()));
                tokio::task::spawn_local(connection::serve((stream, Client::inside()), watch, serving));
            }
            message = messages.recv() => match message {
                None => return,
                Some(Message::Piped(stream)) => {
                    let (serving, watch) = (serving(), Rc::new(Watch::default()));
                    let connection = (Piped(stream), Client::inside());
                    tokio::task::spawn_local(connection::serve(connection, watch, serving));
                }
                Some(Message::Spare(answer)) => drop(answer.send(open.spare())),
                Some(Message::CloseSpare(answer)) => drop(answer.send(open.close_spare())),
                Some(Message::Given(Given { stream, peer, speaks, counted })) => {
                    let serving = serving();
                    let watch = Rc::new(Watch::default());
                    let place = open.add(watch.clone(), counted);
                    tokio::task::spawn_local(async move {
                        let stream = match connection::open(stream) {
                            Ok(stream) => stream,
                            Err(error) => {
                                tracing::warn!(%error, %peer, "cannot serve a connection");
                                return;
                            }
                        };
                        tokio::select! {
                            () = arrival::serve(stream, Client::plain(peer), speaks, watch, serving) => {}
                            () = place.closed() => tracing::debug!(%peer, "connection closed for another"),
                        }
                    });
                }
            }
        }
    }
}

/// Lets connections finish what is under way, and calls what they go on to do; gives how
/// many connections and tasks did not.
pub(super) async fn drain(cores: &[Core], engine: &Engine, limit: Duration) -> (usize, usize) {
    for core in cores {
        core.phase.send_replace(Phase::Draining);
    }
    let left = || (cores.iter().map(Core::connections).sum(), engine.tasks());
    let all_done = async {
        while left() != (0, 0) {
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
