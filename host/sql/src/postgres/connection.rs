//! A connection to PostgreSQL, and how one that was used becomes as new.
//!
//! What a session can leave at the server is taken back by [`Connection::renew`], in one
//! message; where that does not do, the connection is given up. Statements are sent
//! without a name, so that none of one session is there for the next to read, to run or to
//! replace, and none is out of date when another host has changed a table.

use std::future::poll_fn;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use futures_util::future::try_join;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::{explain, is_stale};
use crate::Error;

/// Takes back what statements can have left, however they did it: settings and roles,
/// cursors, channels, statements, temporary objects, what sequences have given, and locks.
const RENEWAL: &str = "DISCARD ALL";

/// Likewise where the driver has prepared statements of its own, which look types up: these
/// stay, and are counted, since SQL could have replaced one.
const RENEWAL_WITH_STATEMENTS: &str = "SET SESSION AUTHORIZATION DEFAULT; RESET ALL; CLOSE ALL; UNLISTEN *; DISCARD TEMP; DISCARD SEQUENCES; \
     SELECT pg_catalog.pg_advisory_unlock_all(), pg_catalog.count(*), pg_catalog.bool_or(from_sql) \
     FROM pg_catalog.pg_prepared_statement()";

/// A statement has this long to end when it was cancelled, and then when its session was
/// terminated at the server.
const TO_BE_CANCELLED: Duration = Duration::from_secs(1);
const TO_BE_TERMINATED: Duration = Duration::from_secs(30);
/// How long to wait for a signal to be sent, and for what comes of it.
const PAUSE: Duration = Duration::from_secs(2);

/// Keeps connections.
pub(super) type Pool = managed::Pool<Manager>;

/// Makes connections.
pub(super) struct Manager {
    pub(super) config: tokio_postgres::Config,
    pub(super) tls: MakeRustlsConnect,
    /// What each connection is set to.
    pub(super) settings: Arc<str>,
}

/// A connection and the task that reads and writes it.
#[derive(Debug)]
pub(super) struct Connection {
    client: Client,
    driver: JoinHandle<()>,
    settings: Arc<str>,
    /// The server's process for it.
    process: u64,
    /// Whether the driver may have looked a type up, by statements that it keeps prepared.
    looks_up: AtomicBool,
    /// How many of these there were when it was last renewed.
    prepared: AtomicU64,
    /// Whether a function on it has kept a plan that does not fit any more, and would again.
    is_stale: AtomicBool,
}

impl managed::Manager for Manager {
    type Type = Connection;
    type Error = tokio_postgres::Error;

    async fn create(&self) -> Result<Connection, tokio_postgres::Error> {
        let (client, mut stream) = self.config.connect(self.tls.clone()).await?;
        // Notices and notifications are whatever a statement says, and nobody's.
        let driver = tokio::spawn(async move {
            while let Some(message) = poll_fn(|context| stream.poll_message(context)).await {
                if let Err(error) = message {
                    tracing::debug!("a connection to PostgreSQL has ended: {error}");
                    return;
                }
            }
        });
        let process = client.simple_query("SELECT pg_catalog.pg_backend_pid()").await?;
        let connection = Connection {
            client,
            driver,
            settings: self.settings.clone(),
            process: number(&process, 0).unwrap_or_default(),
            looks_up: AtomicBool::new(false),
            prepared: AtomicU64::new(0),
            is_stale: AtomicBool::new(false),
        };
        connection.renew().await?;
        Ok(connection)
    }

    async fn recycle(
        &self,
        connection: &mut Connection,
        _: &Metrics,
    ) -> RecycleResult<tokio_postgres::Error> {
        if connection.is_closed() { Err(RecycleError::message("it has ended")) } else { Ok(()) }
    }
}

impl Deref for Connection {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    /// Makes it as new; whether it is.
    pub(super) async fn renew(&self) -> Result<bool, tokio_postgres::Error> {
        // The next random numbers are nobody's choice: as many bits as `setseed` has use for,
        // of this process's secret keys.
        let seed = RandomState::new().build_hasher().finish() % 10_u64.pow(18);
        let settings = format!("{}; SET seed = 0.{seed:018}", self.settings);
        let looks_up = self.looks_up.load(Ordering::Relaxed);
        let renewal = if looks_up { RENEWAL_WITH_STATEMENTS } else { RENEWAL };
        // Both are sent at once.
        let (found, ()) =
            try_join(self.client.simple_query(renewal), self.client.batch_execute(&settings)).await?;
        let mut as_before = !self.is_stale.load(Ordering::Relaxed);
        if looks_up {
            let by_sql = row(&found).and_then(|row| row.get(2)) == Some("t");
            let prepared = number(&found, 1).unwrap_or_default();
            as_before &= !by_sql && prepared >= self.prepared.swap(prepared, Ordering::Relaxed);
        }
        Ok(as_before)
    }

    /// Notes that the driver may have looked a type up.
    pub(super) fn note_look_up(&self) {
        self.looks_up.store(true, Ordering::Relaxed);
    }

    /// What the server says of a statement.
    pub(super) fn explain(&self, error: &tokio_postgres::Error) -> Error {
        if is_stale(error) {
            self.is_stale.store(true, Ordering::Relaxed);
        }
        explain(error)
    }

    /// Ends the statement that runs, if one does, and the transaction around it. False
    /// where only the end of the connection, which has then come, could end them.
    pub(super) async fn stop(&self, manager: &Manager) -> bool {
        if self.is_closed() {
            return false;
        }
        // By a statement, which is over when the signal is sent: a request to cancel would be
        // answered before, and could end what the next user does.
        drop(timeout(PAUSE, self.signal(manager, "pg_cancel_backend")).await);
        if let Ok(over) = timeout(TO_BE_CANCELLED, self.client.batch_execute("ROLLBACK")).await {
            return over.is_ok();
        }
        // A function may go on when it is cancelled, but not when it is terminated.
        let terminated = timeout(TO_BE_TERMINATED, async {
            loop {
                drop(timeout(PAUSE, self.signal(manager, "pg_terminate_backend")).await);
                if timeout(PAUSE, self.client.batch_execute("")).await.is_ok() {
                    break;
                }
            }
        });
        if terminated.await.is_err() {
            tracing::error!(
                "process {} of PostgreSQL could not be ended, and still runs a statement of nobody's",
                self.process
            );
        }
        false
    }

    async fn signal(&self, manager: &Manager, function: &str) -> Result<(), tokio_postgres::Error> {
        let other = managed::Manager::create(manager).await?;
        other.batch_execute(&format!("SELECT pg_catalog.{function}({})", self.process)).await
    }
}

fn row(messages: &[SimpleQueryMessage]) -> Option<&SimpleQueryRow> {
    messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    })
}

fn number(messages: &[SimpleQueryMessage], column: usize) -> Option<u64> {
    row(messages)?.get(column)?.parse().ok()
}
