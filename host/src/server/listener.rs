//! Binding and accepting.
//!
//! Each address is bound once, exclusively: a second server on it is refused.
//! Nothing leaves the accept loop by `?`: an error of one connection is skipped, and
//! a shortage (EMFILE, ENFILE, ENOBUFS, ENOMEM) is waited out with a back-off.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use futures_util::future::join_all;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use super::core::Core;
use crate::config::CurrentServer;

const BACKLOG: i32 = 1024;
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long the accept loop waits at the limit, where all connections are at work.
const FULL_PAUSE: Duration = Duration::from_millis(10);

/// Bound sockets.
#[derive(Debug)]
pub struct Listeners {
    sockets: Vec<std::net::TcpListener>,
    addresses: Vec<SocketAddr>,
}

/// Addresses that cannot be had, a line each.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct BindError(Vec<String>);

impl Listeners {
    pub(super) fn bind(addresses: &[SocketAddr]) -> Result<Self, BindError> {
        let mut listeners = Self { sockets: Vec::new(), addresses: Vec::new() };
        let mut errors = Vec::new();
        for &address in addresses {
            match bind(address) {
                Ok((socket, address)) => {
                    listeners.sockets.push(socket);
                    listeners.addresses.push(address);
                }
                Err(error) => errors.push(explain(address, &error)),
            }
        }
        if errors.is_empty() { Ok(listeners) } else { Err(BindError(errors)) }
    }

    /// The bound addresses, with the ports that were taken.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

fn bind(address: SocketAddr) -> io::Result<(std::net::TcpListener, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // So that a restart need not wait for TIME_WAIT; on Linux it does not let two
    // sockets listen on one address.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let listener = std::net::TcpListener::from(socket);
    let address = listener.local_addr()?;
    Ok((listener, address))
}

fn explain(address: SocketAddr, error: &io::Error) -> String {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program, or another Patchboard, listens there; stop it, or choose another address with --listen"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need CAP_NET_BIND_SERVICE; choose another port with --listen"
        }
        io::ErrorKind::AddrNotAvailable => "no interface of this machine has that address; correct --listen",
        _ => "choose another address with --listen",
    };
    format!("cannot listen on {address}: {error}; {remedy}")
}

/// Listening sockets on the control thread's runtime.
pub(super) struct Acceptor(Vec<TcpListener>);

impl Acceptor {
    pub(super) fn new(listeners: Listeners) -> io::Result<Self> {
        listeners.sockets.into_iter().map(TcpListener::from_std).collect::<io::Result<_>>().map(Self)
    }

    /// Accepts on every socket, for ever.
    pub(super) async fn run(&self, cores: &[Core], settings: &CurrentServer) -> Infallible {
        let loops = self.0.iter().map(|socket| accept_loop(socket, cores, settings));
        let (never, ..) = futures_util::future::select_all(loops.map(Box::pin)).await;
        never
    }

    /// Stops to listen; who has connected already is still served.
    pub(super) fn finish(self, cores: &[Core]) {
        for socket in self.0 {
            let Ok(socket) = socket.into_std() else { continue };
            while let Ok((stream, peer)) = socket.accept() {
                if stream.set_nonblocking(true).is_ok() {
                    give(stream, peer, cores);
                }
            }
        }
    }
}

async fn accept_loop(socket: &TcpListener, cores: &[Core], settings: &CurrentServer) -> Infallible {
    let mut pause = FIRST_PAUSE;
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => {
                pause = FIRST_PAUSE;
                if let Ok(stream) = stream.into_std() {
                    make_room(cores, settings).await;
                    give(stream, peer, cores);
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

/// Gives the connection to the core that has the fewest.
fn give(stream: TcpStream, peer: SocketAddr, cores: &[Core]) {
    if let Some(core) = cores.iter().min_by_key(|core| core.connections()) {
        core.give(stream, peer);
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

    #[test]
    fn an_address_is_bound_once() {
        let first = Listeners::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let error = Listeners::bind(first.addresses()).unwrap_err().to_string();
        assert!(error.contains(&first.addresses()[0].to_string()), "{error}");
        assert!(error.contains("--listen"), "{error}");
    }

    #[test]
    fn every_bad_address_is_reported() {
        let any = "127.0.0.1:0".parse().unwrap();
        let held = Listeners::bind(&[any, any]).unwrap();
        let error = Listeners::bind(held.addresses()).unwrap_err();
        assert_eq!(error.0.len(), 2);
    }
}
