//! One server for many tests.
//!
//! Compiling its components is the slow part of a server's start. Tests that only
//! ask and do not change anything share one: it is started by the first that needs
//! it, and ends with the last that holds it, so none outlives the test program.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::{Connection, Server};

/// A server that tests share. Make it a `static`.
#[derive(Debug)]
pub struct Shared {
    start: fn() -> Server,
    running: Mutex<Weak<Server>>,
}

/// A hold on the shared server.
#[derive(Debug, Clone)]
pub struct SharedServer(Arc<Server>);

impl Shared {
    /// A server that `start` starts.
    pub const fn new(start: fn() -> Server) -> Self {
        Self { start, running: Mutex::new(Weak::new()) }
    }

    /// The server, started if need be.
    pub fn get(&self) -> SharedServer {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = running.upgrade() {
            return SharedServer(server);
        }
        let server = Arc::new((self.start)());
        *running = Arc::downgrade(&server);
        SharedServer(server)
    }
}

impl SharedServer {
    /// A new connection for exact bytes. It holds the server too.
    #[track_caller]
    pub fn connect(&self) -> Connection {
        self.0.connect().holding(self.0.clone())
    }
}

impl Deref for SharedServer {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}
