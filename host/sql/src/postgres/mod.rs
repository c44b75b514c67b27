//! PostgreSQL: pooled connections, driven by one thread of the database's own.
//!
//! Cores hand sessions in; here each is a task with a connection of the pool. A
//! server that goes away costs what is under way; connections are made anew when they
//! are next needed.

mod connection;
mod error;
mod migrate;
mod session;
mod values;

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool::Runtime;
use deadpool::managed::Object;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_postgres_rustls::MakeRustlsConnect;

use self::connection::{Manager, Pool};
use crate::session::{Job, Lanes};
use crate::{DatabaseConfig, Error, Limits, PATIENCE, PostgresUrl, Start, Trial};

/// How long to wait before a server that could not be reached is tried again, at first
/// and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

pub(crate) fn open(
    name: &str,
    url: &PostgresUrl,
    config: &DatabaseConfig,
    started: watch::Sender<Start>,
) -> std::io::Result<Lanes> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let pool = pool(url, &config.limits).map_err(std::io::Error::other)?;
    let (jobs, mut queue) = mpsc::channel::<Job>(config.limits.queue.max(1) as usize);
    let (shown, config, thread, name) =
        (url.to_string(), config.clone(), format!("sql-{name}"), name.to_owned());
    std::thread::Builder::new().name(thread).spawn(move || {
        runtime.block_on(async {
            let start = start(&pool, &config, &started, &name, &shown);
            tokio::select! {
                result = start => drop(started.send_replace(match result {
                    Ok(applied) => Start::Ready(applied),
                    Err(problem) => Start::Failed(format!("{shown}: {problem}")),
                })),
                // Nobody wants the database any more.
                () = started.closed() => return,
            }
            let limits = Arc::new(config.limits);
            // Sessions whose connection is not there yet wait here, where they are counted.
            let places = Arc::new(Semaphore::new(limits.connections.saturating_add(limits.queue) as usize));
            while let Some(job) = queue.recv().await {
                let Ok(place) = places.clone().try_acquire_owned() else {
                    job.first.refuse(Error::busy());
                    continue;
                };
                let (pool, limits) = (pool.clone(), limits.clone());
                tokio::spawn(async move {
                    session::serve(&pool, &limits, job).await;
                    drop(place);
                });
            }
        });
    })?;
    Ok(Lanes { write: jobs.clone(), query: jobs, busy: Error::busy, look: Box::new(()) })
}

/// Connects once, and tries the migrations.
pub(crate) fn try_out(url: &PostgresUrl, config: &DatabaseConfig) -> Trial {
    let (limits, shown) = (Limits { connections: 1, ..config.limits.clone() }, url.to_string());
    let pool = pool(url, &limits);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let (pool, runtime) = match (pool, runtime) {
        (Ok(pool), Ok(runtime)) => (pool, runtime),
        (Err(problem), _) => return Trial::Wrong(problem),
        (_, Err(error)) => return Trial::Unknown(error.to_string()),
    };
    let trial = async {
        match pool.get().await {
            Ok(mut connection) => migrate::try_out(&mut connection, &config.migrations).await,
            Err(error) => Trial::Unknown(error::no_connection(error).to_string()),
        }
    };
    // The server undoes what a connection has begun that is gone.
    match runtime.block_on(async { tokio::time::timeout(PATIENCE, trial).await }) {
        Ok(Trial::Wrong(problem)) => Trial::Wrong(format!("{shown}: {problem}")),
        Ok(Trial::Unknown(reason)) => Trial::Unknown(format!("{shown}: {reason}")),
        Ok(fits) => fits,
        Err(_) => Trial::Unknown(format!("{shown}: it takes longer than {PATIENCE:?}")),
    }
}

fn pool(url: &PostgresUrl, limits: &Limits) -> Result<Pool, String> {
    let mut config = url.config().clone();
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(limits.wait_timeout);
    }
    if config.get_application_name().is_none() {
        config.application_name("patchboard");
    }
    // The machine's certificates, as the operator may have a server of his own; where
    // there are none, those of Mozilla.
    let tls = match MakeRustlsConnect::with_native_certs() {
        Ok((tls, _)) => tls,
        Err(_) => MakeRustlsConnect::with_webpki_roots(),
    };
    // What the server does by itself, should this process have no time for it.
    let milliseconds = |timeout: Duration| timeout.as_millis().max(1);
    let settings = format!(
        "SET statement_timeout = {}; SET idle_in_transaction_session_timeout = {}; SET TimeZone = 'UTC'",
        milliseconds(limits.statement_timeout),
        milliseconds(limits.transaction_timeout),
    );
    Pool::builder(Manager { config, tls, settings: settings.into() })
        .max_size(limits.connections.max(1) as usize)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(limits.wait_timeout))
        .create_timeout(Some(limits.wait_timeout))
        .build()
        .map_err(|error| error.to_string())
}

/// Brings the schema up to date, as soon as the server can be reached.
async fn start(
    pool: &Pool,
    config: &DatabaseConfig,
    started: &watch::Sender<Start>,
    name: &str,
    shown: &str,
) -> Result<Vec<String>, String> {
    let (mut pause, mut applied, opened) = (FIRST_PAUSE, Vec::new(), Instant::now());
    // Who has opened the database says what comes of that, and of the first attempt at all.
    let mut has_failed = false;
    let is_late = |has_failed| has_failed || opened.elapsed() >= PATIENCE;
    loop {
        let problem = match pool.get().await {
            Ok(connection) => {
                // Not for the pool any more: who knows what migrations have left on it.
                let mut connection = Object::take(connection);
                match migrate::migrate(&mut connection, &config.migrations, &mut applied).await {
                    Err(migrate::Failure::Lost(problem)) => problem,
                    Err(migrate::Failure::Wrong(problem)) => {
                        if is_late(has_failed) {
                            tracing::error!("database {name}: {problem}");
                        }
                        return Err(problem);
                    }
                    Ok(()) => {
                        if is_late(has_failed) {
                            tracing::info!("database {name} is ready; migrations applied: {}", applied.len());
                        }
                        return Ok(applied);
                    }
                }
            }
            Err(error) => error::no_connection(error).to_string(),
        };
        let problem = format!("{shown}: {problem}");
        let changed = started.send_if_modified(|start| {
            let now = Start::Pending(Some(problem.clone()));
            let changed = *start != now;
            *start = now;
            changed
        });
        if changed && is_late(has_failed) {
            tracing::error!("database {name}: {problem}; it is tried again");
        }
        has_failed = true;
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
