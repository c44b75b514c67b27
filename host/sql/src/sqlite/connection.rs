//! A connection to a SQLite database and the sessions it serves, one after the other.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{ErrorCode, OpenFlags};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::error::explain;
use super::rows::{Reading, bind};
use crate::session::{Command, Job, Page, Reply};
use crate::{Error, Limits, Result, Statement};

/// How many instructions SQLite runs between two looks at the clock.
const INSTRUCTIONS: i32 = 1000;
/// Statements that are kept prepared.
const PREPARED: usize = 64;
/// The size of the write-ahead log that is kept, in bytes.
const JOURNAL_BYTES: u32 = 16 << 20;

/// What may be read of the schema, through the table-valued functions `pragma_…`.
const READABLE: [&str; 7] = [
    "foreign_key_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "table_info",
    "table_list",
    "table_xinfo",
];

/// What a connection may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// A connection whose statements are bounded in time.
pub(super) struct Connection {
    sqlite: rusqlite::Connection,
    access: Access,
    limits: Arc<Limits>,
    clock: Arc<Clock>,
    runtime: Runtime,
}

/// When the statement that runs has to end, read by SQLite's progress handler.
struct Clock {
    start: Instant,
    end_nanoseconds: AtomicU64,
}

/// The commands that follow the first of a session, until its end.
struct Commands<'a> {
    rest: mpsc::Receiver<Command>,
    end: tokio::time::Instant,
    runtime: &'a Runtime,
}

/// Opens the file, without any limits for its statements.
pub(super) fn open(path: &Path, access: Access, limits: &Limits) -> rusqlite::Result<rusqlite::Connection> {
    let mut flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
    flags |= match access {
        Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    };
    let sqlite = rusqlite::Connection::open_with_flags(path, flags)?;
    set_up(&sqlite, limits)?;
    if access == Access::Write {
        sqlite.pragma_update(None, "journal_mode", "wal")?;
        // What was acknowledged is there after a loss of power.
        sqlite.pragma_update(None, "synchronous", "full")?;
        sqlite.pragma_update(None, "journal_size_limit", JOURNAL_BYTES)?;
    }
    Ok(sqlite)
}

/// What concerns the connection only, and changes nothing of the database.
pub(super) fn set_up(sqlite: &rusqlite::Connection, limits: &Limits) -> rusqlite::Result<()> {
    // Another process may hold it for a moment.
    sqlite.busy_timeout(limits.wait_timeout)?;
    sqlite.set_prepared_statement_cache_capacity(PREPARED);
    sqlite.pragma_update(None, "foreign_keys", true)?;
    let page: u32 = sqlite.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let pages = limits.database_bytes / u64::from(page.max(1));
    let pages = i64::try_from(pages).unwrap_or(i64::MAX);
    sqlite.pragma_update(None, "max_page_count", pages)
}

/// Why the file cannot be opened, and what to do.
pub(super) fn cannot_open(path: &Path, error: &rusqlite::Error) -> String {
    let remedy = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            "; restore it from a backup, or move it away to begin anew"
        }
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            "; correct `path`, or the rights of the file and its folder"
        }
        _ => "",
    };
    format!("cannot open {}: {error}{remedy}", path.display())
}

impl Connection {
    pub(super) fn open(path: &Path, limits: &Arc<Limits>, access: Access) -> rusqlite::Result<Self> {
        let mut sqlite = open(path, access, limits)?;
        sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        let longest = i32::try_from(limits.query_bytes).unwrap_or(i32::MAX);
        sqlite.set_limit(Limit::SQLITE_LIMIT_LENGTH, longest)?;
        sqlite.authorizer(Some(authorize))?;
        let clock = Arc::new(Clock { start: Instant::now(), end_nanoseconds: AtomicU64::new(u64::MAX) });
        let of_handler = clock.clone();
        sqlite.progress_handler(INSTRUCTIONS, Some(move || of_handler.is_over()))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        Ok(Self { sqlite, access, limits: limits.clone(), clock, runtime })
    }

    /// Serves a session to its end; gives it back if only a writer can.
    pub(super) fn serve(&mut self, job: Job) -> Option<Job> {
        let Job { first, rest, since } = job;
        if since.elapsed() > self.limits.wait_timeout {
            first.refuse(Error::busy());
            return None;
        }
        let end = (Instant::now() + self.limits.transaction_timeout).into();
        let mut commands = Commands { rest, end, runtime: &self.runtime };
        let mut next = Some(first);
        let mut transaction = false;
        while let Some(command) = next.take() {
            // What has failed was rolled back at once.
            let failed = transaction && self.sqlite.is_autocommit();
            match command {
                Command::Begin(reply) => {
                    let begun = self.run("BEGIN IMMEDIATE");
                    transaction = begun.is_ok();
                    drop(reply.send(begun));
                }
                Command::Rollback(reply) => {
                    // First, so that whoever has the answer finds the session over.
                    commands.rest.close();
                    drop(reply.send(if failed { Ok(()) } else { self.run("ROLLBACK") }));
                    break;
                }
                command if failed => command.refuse(Error::failed_before()),
                Command::Commit(reply) => {
                    commands.rest.close();
                    drop(reply.send(self.run("COMMIT")));
                    break;
                }
                Command::Execute(statement, reply) => {
                    drop(reply.send(self.execute(&statement).inspect_err(|_| self.roll_back())));
                }
                Command::Query(statement, reply) => match self.query(&statement, reply, &mut commands) {
                    Outcome::Done(command) => {
                        next = command;
                        if next.is_some() {
                            continue;
                        }
                    }
                    Outcome::Writes(reply) => {
                        return Some(Job {
                            first: Command::Query(statement, reply),
                            rest: commands.rest,
                            since,
                        });
                    }
                },
                Command::Fetch(reply) => drop(reply.send(Err(Error::no_rows()))),
            }
            if transaction {
                next = commands.next();
            }
        }
        self.roll_back();
        None
    }

    fn run(&self, sql: &str) -> Result<()> {
        self.clock.set(self.limits.statement_timeout);
        self.sqlite.execute_batch(sql).map_err(explain)
    }

    fn roll_back(&self) {
        if !self.sqlite.is_autocommit()
            && let Err(error) = self.run("ROLLBACK")
        {
            tracing::error!("a transaction could not be rolled back: {error}");
        }
    }

    fn execute(&self, statement: &Statement) -> Result<u64> {
        self.clock.set(self.limits.statement_timeout);
        let mut prepared = self.sqlite.prepare_cached(&statement.sql).map_err(explain)?;
        bind(&mut prepared, statement, &self.limits)?;
        if prepared.column_count() == 0 {
            return prepared.raw_execute().map(|rows| rows as u64).map_err(explain);
        }
        // With RETURNING; the rows are not wanted.
        let before = self.sqlite.total_changes();
        let mut rows = prepared.raw_query();
        while rows.next().map_err(explain)?.is_some() {}
        Ok(self.sqlite.total_changes().wrapping_sub(before))
    }

    /// Answers with the first rows, and then with the others as they are asked for.
    fn query(&self, statement: &Statement, reply: Reply<Page>, commands: &mut Commands<'_>) -> Outcome {
        let result = (|| {
            self.clock.set(self.limits.statement_timeout);
            let mut prepared = self.sqlite.prepare_cached(&statement.sql).map_err(explain)?;
            if self.access == Access::Read && !prepared.readonly() {
                return Ok(None);
            }
            bind(&mut prepared, statement, &self.limits)?;
            Ok(Some(prepared))
        })();
        let mut prepared = match result {
            Ok(Some(prepared)) => prepared,
            Ok(None) => return Outcome::Writes(reply),
            Err(error) => {
                self.roll_back();
                drop(reply.send(Err(error)));
                return Outcome::Done(None);
            }
        };
        let mut reading = Reading::new(&mut prepared, &self.limits);
        let (page, more) = match reading.batch() {
            Ok(batch) => batch,
            Err(error) => {
                drop(reading);
                drop(prepared);
                self.roll_back();
                drop(reply.send(Err(error)));
                return Outcome::Done(None);
            }
        };
        let columns = reading.columns();
        drop(reply.send(Ok(Page { columns, rows: page, more })));
        let mut more = more;
        while more {
            match commands.next() {
                Some(Command::Fetch(reply)) => {
                    self.clock.set(self.limits.statement_timeout);
                    let batch = reading.batch();
                    more = matches!(batch, Ok((_, true)));
                    if batch.is_err() {
                        drop(reading);
                        drop(prepared);
                        self.roll_back();
                        drop(reply.send(batch));
                        return Outcome::Done(None);
                    }
                    drop(reply.send(batch));
                }
                other => return Outcome::Done(other),
            }
        }
        Outcome::Done(None)
    }
}

/// What becomes of a query.
enum Outcome {
    /// It is over, since this command came, if any.
    Done(Option<Command>),
    /// It has to go to the writer.
    Writes(Reply<Page>),
}

impl Commands<'_> {
    /// The next, or none at the end of the session.
    fn next(&mut self) -> Option<Command> {
        let next = async { tokio::time::timeout_at(self.end, self.rest.recv()).await };
        self.runtime.block_on(next).ok().flatten()
    }
}

impl Clock {
    fn set(&self, timeout: Duration) {
        let end = (self.start.elapsed() + timeout).as_nanos();
        self.end_nanoseconds.store(u64::try_from(end).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        self.start.elapsed().as_nanos() > u128::from(self.end_nanoseconds.load(Ordering::Relaxed))
    }
}

/// Beyond what the first word of a statement says: other files, and settings.
fn authorize(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Attach { .. } | AuthAction::Detach { .. } => Authorization::Deny,
        AuthAction::Pragma { pragma_name, .. } if !READABLE.contains(&pragma_name) => Authorization::Deny,
        _ => Authorization::Allow,
    }
}
