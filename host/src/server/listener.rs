//! Binding and accepting.
//!
//! Each address is bound once, exclusively: a second server on it is refused.
//! Sockets that a supervisor passes (systemd's socket activation) are used instead.
//! Nothing leaves the accept loop by `?`: an error of one connection is skipped, and
//! a shortage (EMFILE, ENFILE, ENOBUFS, ENOMEM) is waited out with a back-off.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::{join_all, select_all};
use listenfd::ListenFd;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use super::arrival::Speaks;
use super::core::{Accepted, Core};
use crate::clients::{PeerPlace, Peers};
use crate::config::{CurrentServer, ListenerConfig, ServerConfig};
use crate::forwarded::Network;
use crate::problem::Problem;

const BACKLOG: i32 = 1024;
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long the accept loop waits at the limit, where all connections are at work.
const FULL_PAUSE: Duration = Duration::from_millis(10);

/// Bound sockets.
#[derive(Debug)]
pub struct Listeners {
    sockets: Vec<Bound>,
    probes: Option<(std::net::TcpListener, SocketAddr)>,
    origin: Origin,
}

/// A bound socket, where it is, and what is spoken there.
#[derive(Debug)]
struct Bound {
    socket: std::net::TcpListener,
    address: SocketAddr,
    speaks: Speaks,
}

/// Where the sockets come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// They are this server's own.
    Bound,
    /// A supervisor has them too, and maybe another server.
    Inherited,
}

/// Addresses that cannot be had.
#[derive(Debug)]
pub struct BindError(pub Vec<Problem>);

/// Says what keeps `config` from being listened to, without listening for a moment; what
/// `is_ours` is left out.
pub fn try_bind(config: &ServerConfig, is_ours: impl Fn(SocketAddr) -> bool) -> Vec<Problem> {
    let listeners: Vec<_> = config.all_listeners().collect();
    let listen = listeners.iter().map(|listener| (listener.address, key_of(config, listener)));
    let all = listen.chain(config.probes.map(|address| (address, "`probes`")));
    let wrong = all.filter(|(address, _)| !is_ours(*address)).filter_map(|(address, key)| {
        // One that is bound but does not listen is in nobody's way.
        let error = bind(address, is_of_both(address, &listeners)).err()?;
        Some(explain(address, &error, key))
    });
    wrong.chain(listeners.is_empty().then(no_address)).collect()
}

impl Listeners {
    /// The sockets that were passed, or else those that `config` asks for; and its probes.
    pub(super) fn open(passed: ListenFd, config: &ServerConfig) -> Result<Self, BindError> {
        let listeners: Vec<_> = config.all_listeners().collect();
        let mut errors = Vec::new();
        let inherited = inherited(passed, &listeners, &mut errors);
        let origin = if inherited.is_empty() { Origin::Bound } else { Origin::Inherited };
        let mut bind = |address, key| match bind(address, is_of_both(address, &listeners)).and_then(listen_on)
        {
            Ok(bound) => Some(bound),
            Err(error) => {
                errors.push(explain(address, &error, key));
                None
            }
        };
        let sockets = match origin {
            Origin::Inherited => inherited,
            Origin::Bound => {
                let mut bound: Vec<_> = listeners
                    .iter()
                    .filter_map(|listener| {
                        Some((listener, bind(listener.address, key_of(config, listener))?))
                    })
                    .collect();
                let https = bound.iter().find(|(listener, _)| listener.tls);
                let https = https.map(|(_, (_, address))| address.port());
                let bound = bound.drain(..).map(|(listener, (socket, address))| Bound {
                    socket,
                    address,
                    speaks: Speaks::at(listener, https),
                });
                bound.collect()
            }
        };
        let probes = config.probes.and_then(|address| bind(address, "`probes`"));
        if origin == Origin::Bound && listeners.is_empty() {
            errors.push(no_address());
        }
        match errors.is_empty() {
            true => Ok(Self { sockets, probes, origin }),
            false => Err(BindError(errors)),
        }
    }

    /// The bound address that handlers of this server ask it at: the first.
    pub fn address(&self) -> Option<SocketAddr> {
        self.sockets.first().map(|bound| bound.address)
    }

    /// All of them, but for that of the probes.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().map(|bound| bound.address).collect()
    }

    /// The first that answers without TLS.
    pub fn plain_address(&self) -> Option<SocketAddr> {
        let is_plain = |bound: &&Bound| matches!(bound.speaks, Speaks::Http1 | Speaks::Http1Or2);
        self.sockets.iter().find(is_plain).map(|bound| bound.address)
    }

    /// What each bound address is asked by, with the ports that were taken.
    pub(super) fn urls(&self) -> Vec<String> {
        let url = |bound: &Bound| {
            let scheme = if bound.speaks == Speaks::Tls { "https" } else { "http" };
            format!("{scheme}://{}", bound.address)
        };
        self.sockets.iter().map(url).collect()
    }

    /// The address of the probes, if it is one of their own.
    pub fn probes(&self) -> Option<SocketAddr> {
        self.probes.as_ref().map(|(_, address)| *address)
    }

    /// Whether they were passed by a supervisor.
    pub fn are_inherited(&self) -> bool {
        self.origin == Origin::Inherited
    }

    pub(super) fn take_probes(&mut self) -> Option<std::net::TcpListener> {
        self.probes.take().map(|(socket, _)| socket)
    }
}

/// The sockets of `LISTEN_FDS`, as sd_listen_fds(3) has it; what is spoken there is what the one of
/// `listeners` with that address says.
fn inherited(mut passed: ListenFd, listeners: &[ListenerConfig], errors: &mut Vec<Problem>) -> Vec<Bound> {
    let https = listeners.iter().find(|listener| listener.tls).map(|listener| listener.address.port());
    let mut sockets = Vec::new();
    for index in 0..passed.len() {
        let socket = passed.take_tcp_listener(index).and_then(|socket| {
            let Some(socket) = socket else { return Ok(None) };
            socket.set_nonblocking(true)?;
            let address = socket.local_addr()?;
            let listener = listeners.iter().find(|listener| listener.address == address);
            let speaks = listener.map_or(Speaks::Http1, |listener| Speaks::at(listener, https));
            Ok(Some(Bound { socket, address, speaks }))
        });
        match socket {
            Ok(socket) => sockets.extend(socket),
            Err(error) => errors.push(
                Problem::new("", format!("cannot listen on socket {index} of LISTEN_FDS: {error}"))
                    .remedy("pass listening TCP sockets only"),
            ),
        }
    }
    sockets
}

/// Whether `address` is to be every one of both families.
fn is_of_both(address: SocketAddr, listeners: &[ListenerConfig]) -> bool {
    let is_other =
        |listener: &ListenerConfig| listener.address.is_ipv4() && listener.address.port() == address.port();
    address.is_ipv6() && address.ip().is_unspecified() && !listeners.iter().any(is_other)
}

/// What says that there is to be this listener.
fn key_of(config: &ServerConfig, listener: &ListenerConfig) -> &'static str {
    if config.listen.contains(&listener.address) { "--listen" } else { "`address` of [[listener]]" }
}

fn bind(address: SocketAddr, is_of_both: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // So that a restart need not wait for TIME_WAIT; on Linux it does not let two
    // sockets listen on one address.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(!is_of_both)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

fn listen_on(socket: Socket) -> io::Result<(std::net::TcpListener, SocketAddr)> {
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let listener = std::net::TcpListener::from(socket);
    let address = listener.local_addr()?;
    Ok((listener, address))
}

fn no_address() -> Problem {
    Problem::new("server.listen", "there is no address").remedy("add one, such as \"127.0.0.1:8080\"")
}

/// `key` is what says where to listen.
fn explain(address: SocketAddr, error: &io::Error, key: &str) -> Problem {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program, or another Patchboard, listens there; stop it, or choose another address with"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need CAP_NET_BIND_SERVICE; choose another port with"
        }
        io::ErrorKind::AddrNotAvailable => "no interface of this machine has that address; correct",
        _ => "choose another address with",
    };
    Problem::new("", format!("cannot listen on {address}: {error}")).remedy(format!("{remedy} {key}"))
}

/// Listening sockets on the control thread's runtime.
pub(super) struct Acceptor {
    sockets: Vec<(TcpListener, Speaks)>,
    origin: Origin,
    /// Accepted, but without a place yet.
    accepted: RefCell<VecDeque<Accepted>>,
    peers: Peers,
}

impl Acceptor {
    pub(super) fn new(listeners: Listeners) -> io::Result<Self> {
        let sockets: io::Result<_> = listeners
            .sockets
            .into_iter()
            .map(|bound| Ok((TcpListener::from_std(bound.socket)?, bound.speaks)))
            .collect();
        Ok(Self {
            sockets: sockets?,
            origin: listeners.origin,
            accepted: RefCell::default(),
            peers: Peers::default(),
        })
    }

    /// Accepts on every socket, for ever.
    pub(super) async fn run(&self, cores: &[Core], settings: &CurrentServer) -> Infallible {
        let loops =
            self.sockets.iter().map(|(socket, speaks)| self.accept_loop(socket, *speaks, cores, settings));
        let (never, ..) = select_all(loops.map(Box::pin)).await;
        never
    }

    /// Stops to listen; who has connected already is still served. Who waits at a
    /// socket that others have too is left to them: it might never be empty.
    pub(super) fn finish(self, cores: &[Core]) {
        self.accepted.take().into_iter().for_each(|accepted| give(accepted, cores));
        for (socket, speaks) in self.sockets.into_iter().filter(|_| self.origin == Origin::Bound) {
            let Ok(socket) = socket.into_std() else { continue };
            while let Ok((stream, peer)) = socket.accept() {
                if stream.set_nonblocking(true).is_ok() {
                    let peer = canonical(peer);
                    give(Accepted { stream, peer, speaks, place: None }, cores);
                }
            }
        }
    }

    /// A place among the connections of `peer`, where these have a limit.
    ///
    /// # Errors
    ///
    /// If it has as many as it may.
    fn place(&self, peer: SocketAddr, settings: &ServerConfig) -> Result<Option<PeerPlace>, TooMany> {
        let ip = peer.ip();
        let clients = &settings.clients;
        match clients.connections {
            Some(most) if !Network::any_has(&clients.exempt, ip) => {
                if Network::any_has(&settings.trusted_proxies, ip) {
                    return Ok(None);
                }
                self.peers.place(ip, most).map(Some).ok_or(TooMany)
            }
            _ => Ok(None),
        }
    }

    async fn accept_loop(
        &self,
        socket: &TcpListener,
        speaks: Speaks,
        cores: &[Core],
        settings: &CurrentServer,
    ) -> Infallible {
        let mut pause = FIRST_PAUSE;
        loop {
            match socket.accept().await {
                Ok((stream, peer)) => {
                    pause = FIRST_PAUSE;
                    let peer = canonical(peer);
                    let Ok(place) = self.place(peer, &settings.load()) else {
                        tracing::debug!(%peer, "more than clients.connections of one peer; closed");
                        continue;
                    };
                    if let Ok(stream) = stream.into_std() {
                        self.accepted.borrow_mut().push_back(Accepted { stream, peer, speaks, place });
                        make_room(cores, settings).await;
                        let next = self.accepted.borrow_mut().pop_front();
                        next.into_iter().for_each(|accepted| give(accepted, cores));
                    }
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, ?pause, "cannot accept connections; trying again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }
}

/// Waits until there is room for one more connection; of those that have nothing to do,
/// the one that can best be spared makes it.
async fn make_room(cores: &[Core], settings: &CurrentServer) {
    while cores.iter().map(Core::connections).sum::<usize>() >= settings.load().connections as usize {
        let rests = join_all(cores.iter().map(Core::spare)).await;
        let spares = rests.into_iter().zip(cores).filter_map(|(rest, core)| Some((rest?, core)));
        let closed = match spares.min_by_key(|(rest, _)| *rest) {
            Some((_, core)) => core.close_spare().await,
            None => false,
        };
        if !closed {
            tokio::time::sleep(FULL_PAUSE).await;
        }
    }
}

/// A peer has as many connections as it may.
struct TooMany;

/// At a socket of both families, a client of IPv4 has an address of IPv6.
fn canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}

/// Gives the connection to the core that has the fewest.
fn give(accepted: Accepted, cores: &[Core]) {
    if let Some(core) = cores.iter().min_by_key(|core| core.connections()) {
        core.give(accepted);
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(listen: &[SocketAddr], probes: Option<SocketAddr>) -> Result<Listeners, BindError> {
        Listeners::open(ListenFd::empty(), &ServerConfig::listening(listen, probes))
    }

    #[track_caller]
    fn refused(listen: &[SocketAddr], probes: Option<SocketAddr>) -> Vec<String> {
        let BindError(problems) = open(listen, probes).unwrap_err();
        problems.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn an_address_is_bound_once() {
        let first = open(&["127.0.0.1:0".parse().unwrap()], None).unwrap();
        let address = first.address().unwrap();
        let error = refused(&[address], None).join("\n");
        assert!(error.contains(&address.to_string()), "{error}");
        assert!(error.contains("--listen"), "{error}");
    }

    #[test]
    fn every_bad_address_is_reported() {
        let any = "127.0.0.1:0".parse().unwrap();
        let held = open(&[any, any], None).unwrap();
        let held: Vec<_> =
            held.sockets.iter().map(|bound| (bound.socket.try_clone(), bound.address)).collect();
        let addresses: Vec<_> = held.iter().map(|(_, address)| *address).collect();
        let errors = refused(&addresses, Some(addresses[0]));
        assert_eq!(errors.len(), 3);
        assert!(errors[2].contains("`probes`"), "{errors:?}");
    }

    #[test]
    fn every_address_of_ipv6_is_one_of_ipv4_too_unless_that_is_listened_on() {
        let all = open(&["[::]:0".parse().unwrap()], None).unwrap();
        let port = all.address().unwrap().port();
        std::net::TcpStream::connect((std::net::Ipv4Addr::LOCALHOST, port)).unwrap();
        drop(all);
        let both = ["0.0.0.0", "[::]"].map(|ip| format!("{ip}:{port}").parse().unwrap());
        open(&both, None).unwrap();
    }

    #[test]
    fn a_server_without_an_address_is_none() {
        assert!(refused(&[], None).join("\n").contains("no address"));
    }
}
