//! SQLite, embedded: one thread that writes, and several that read meanwhile.
//!
//! The database is in WAL mode, in which readers and the writer do not wait for each
//! other, and a commit is synchronised with the disk before it is acknowledged. One
//! writer with a queue of its own is fairer than several that SQLite lets try in turn.
//! A query goes to a reader, which passes it on if it turns out to write.

mod clock;
mod connection;
mod copy;
mod error;
#[cfg(test)]
mod every_function;
mod functions;
mod migrate;
mod readers;
mod rows;
mod rules;
#[cfg(test)]
mod tests;
mod wal;
mod work;

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use tokio::sync::{mpsc, watch};

use self::connection::{Access, Connection, cannot_open};
pub use self::copy::copy_sqlite;
pub(crate) use self::migrate::try_out;
use self::readers::Readers;
use self::work::work;
use crate::migrations::Migration;
use crate::session::Lanes;
use crate::{DatabaseConfig, Error, Limits, Start};

pub(crate) fn open(
    name: &str,
    path: &Path,
    config: &DatabaseConfig,
    started: watch::Sender<Start>,
) -> std::io::Result<Lanes> {
    let queue = config.limits.queue.max(1) as usize;
    let (write, writes) = mpsc::channel(queue);
    let (query, queries) = mpsc::channel(queue);
    let limits = Arc::new(config.limits.clone());
    let (file, migrations, of_writer) = (path.to_owned(), config.migrations.clone(), limits.clone());
    thread::Builder::new().name(format!("sql-{name}")).spawn(move || {
        match start(&file, &migrations, &of_writer) {
            Ok((connection, applied)) => {
                started.send_replace(Start::Ready(applied));
                work(&Mutex::new(writes), Ok(connection), |_| None);
            }
            Err(problem) => drop(started.send_replace(Start::Failed(problem))),
        }
    })?;
    let readers = Readers::start(name, path.to_owned(), limits, queries, write.clone())?;
    Ok(Lanes { write, query, busy: Error::busy_writer, look: Box::new(readers) })
}

/// Opens the writer's connection and brings the schema up to date.
fn start(
    path: &Path,
    migrations: &[Migration],
    limits: &Arc<Limits>,
) -> Result<(Connection, Vec<String>), String> {
    let fail = |error: rusqlite::Error| cannot_open(path, &error);
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| format!("cannot make the folder {}: {error}", folder.display()))?;
    }
    // What handlers keep is for no other user of this machine; the files beside it get the
    // rights of this one. Where it cannot be made, SQLite says why.
    drop(OpenOptions::new().append(true).create(true).mode(0o600).open(path));
    let mut raw = connection::open(path, Access::Write, limits).map_err(fail)?;
    let applied = migrate::migrate(&mut raw, migrations)?;
    drop(raw);
    let connection = Connection::open(path, limits, Access::Write, Arc::default()).map_err(fail)?;
    Ok((connection, applied))
}
