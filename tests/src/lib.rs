//! The harness of the end-to-end tests: the real server binary, real components,
//! real sockets.
//!
//! - [`Server`]: a server in a folder of its own, on port 0, ended with the test.
//! - [`Connection`]: bytes on a socket, exactly as the test says them.
//! - [`Client`]: an HTTP client of the ordinary kind, which the server must please.
//! - [`http2`]: frames of HTTP/2, exactly as the test says them.
//! - [`Upstream`]: a scripted server, for what handlers ask of others.
//! - [`Balancer`]: nginx or HAProxy in front of servers.
//! - [`Browser`]: a real browser, Chromium.
//! - [`Postgres`]: a real PostgreSQL server.
//! - [`PythonServer`]: aiohttp, which ours is compared with.
//! - [`Redis`]: a Redis of the test's own.
//! - [`Shell`]: the lines that people are told to type.
//! - [`Authority`]: who signs certificates.
//!
//! Nothing here sleeps for a guess: every wait is for a condition, with a deadline
//! ([`PATIENCE`]) that only a failure reaches. Whatever goes wrong panics with what
//! the server has logged.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

mod balancer;
mod browser;
mod built;
mod client;
mod connection;
mod heavier;
pub mod http2;
mod output;
mod postgres;
mod python;
mod redis;
mod reply;
mod server;
mod shared;
mod shell;
mod tls;
mod upstream;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub use balancer::Balancer;
pub use browser::{Browser, Scripts};
pub use built::{
    code_cache, demo_handler, hello_that_says, server_binary, test_guest, test_guests_in_workspace, workspace,
};
pub use client::Client;
pub use connection::{BodyEnd, Connection};
pub use heavier::with_instances;
pub use output::Output;
pub use postgres::Postgres;
pub use python::{PythonServer, aiohttp_file, python};
pub use redis::Redis;
pub use reply::Reply;
pub use server::{Exited, Server, ServerBuilder};
pub use shared::{Shared, SharedServer};
pub use shell::Shell;
pub use tls::Authority;
pub use upstream::{Answer, Asked, Upstream};

/// How long a condition may take on the slowest machine, which may stand still for a minute, or
/// compile a component of tens of megabytes. Only failures wait so long.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Says when it is dropped that something is over, also where a test fails: threads beside it
/// would else go on, and be waited for.
pub struct SetOnDrop<'a>(pub &'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Waits until `condition` holds.
///
/// # Panics
///
/// Names `what` if it does not hold within [`PATIENCE`].
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
