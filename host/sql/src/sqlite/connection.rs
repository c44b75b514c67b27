//! A connection to a SQLite database and the sessions it serves, one after the other.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use rusqlite::{ErrorCode, OpenFlags};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};

use super::clock::Clock;
use super::error::{explain_of, remedy};
use super::rows::{Reading, bind};
use super::{rules, wal};
use crate::session::{Command, Job, Page, Reply};
use crate::{Error, Limits, Result, Statement};

/// Statements that are kept prepared.
const PREPARED: usize = 64;
/// The size of the write-ahead log that is kept, in bytes.
const JOURNAL_BYTES: u32 = 16 << 20;

/// Inserting in this table is what [`Connection::make_as_new`] does. It is the connection's
/// own, and hidden from statements by their rules.
const AS_NEW_TABLE: &str = "CREATE TEMP TABLE patchboard_as_new (id INTEGER PRIMARY KEY)";
/// Sets the number of the last row to 0, and then how many rows were changed.
const AS_NEW: [&str; 2] = [
    "INSERT OR REPLACE INTO temp.patchboard_as_new (id) VALUES (0)",
    "DELETE FROM temp.patchboard_as_new WHERE id <> 0",
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
    path: PathBuf,
    access: Access,
    limits: Arc<Limits>,
    clock: Arc<Clock>,
    runtime: Runtime,
}

/// The commands that follow the first of a session, until its end.
struct Commands<'a> {
    rest: mpsc::Receiver<Command>,
    end: tokio::time::Instant,
    runtime: &'a Runtime,
    clock: &'a Clock,
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
    let code = error.sqlite_error_code();
    let remedy = match code {
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            Some("correct `path`, or the rights of the file and its folder")
        }
        code => remedy(code),
    };
    let remedy = remedy.map(|remedy| format!("; {remedy}")).unwrap_or_default();
    format!("cannot open {}: {error}{remedy}", path.display())
}

#[cfg(test)]
impl Connection {
    /// What `work` does is held to no rules.
    pub(super) fn as_ours<T>(&self, work: impl FnOnce(&rusqlite::Connection) -> T) -> T {
        self.clock.let_all_pass(true);
        let outcome = work(&self.sqlite);
        self.clock.let_all_pass(false);
        outcome
    }

    /// The settings of the connection, a line each.
    pub(super) fn pragmas(&self) -> Vec<String> {
        // Those that do something, those of what is in the file, and what SQLite loads when it is asked.
        let other = [
            "collation_list",
            "compile_options",
            "function_list",
            "module_list",
            "data_version",
            "foreign_key_check",
            "freelist_count",
            "incremental_vacuum",
            "integrity_check",
            "optimize",
            "page_count",
            "pragma_list",
            "quick_check",
            "schema_version",
            "shrink_memory",
            "stats",
            "table_list",
            "wal_checkpoint",
        ];
        self.clock.let_all_pass(true);
        let mut names = self.sqlite.prepare("PRAGMA pragma_list").unwrap();
        let names: Vec<String> =
            names.query_map([], |row| row.get(0)).unwrap().map(|name| name.unwrap()).collect();
        let mut lines = Vec::new();
        for name in names.iter().filter(|name| !other.contains(&name.as_str())) {
            let mut pragma = self.sqlite.prepare(&format!("PRAGMA {name}")).unwrap();
            let mut rows = pragma.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let value: rusqlite::types::Value = row.get(row.as_ref().column_count() - 1).unwrap();
                lines.push(match value {
                    rusqlite::types::Value::Integer(value) => format!("{name} {value}"),
                    value => format!("{name} {value:?}"),
                });
            }
        }
        self.clock.let_all_pass(false);
        lines
    }
}

impl Connection {
    pub(super) fn open(
        path: &Path,
        limits: &Arc<Limits>,
        access: Access,
        clock: Arc<Clock>,
    ) -> rusqlite::Result<Self> {
        let mut sqlite = open(path, access, limits)?;
        if access == Access::Write {
            sqlite.execute_batch(AS_NEW_TABLE)?;
            wal::watch(&mut sqlite, path)?;
        }
        rules::restrict(&mut sqlite, limits, &clock)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        Ok(Self { sqlite, path: path.to_owned(), access, limits: limits.clone(), clock, runtime })
    }

    /// Whether another thread has taken the place of this one.
    pub(super) fn is_replaced(&self) -> bool {
        self.clock.is_replaced()
    }

    /// Serves a session to its end; gives it back if only a writer can.
    pub(super) fn serve(&self, mut job: Job) -> Option<Job> {
        if job.since.elapsed() > self.limits.wait_timeout {
            job.first.refuse(Error::busy_writer());
            return None;
        }
        if job.first.is_abandoned() {
            return None;
        }
        // What turns out to write has a writer to wait for.
        if self.access == Access::Write || !matches!(job.first, Command::Query(..)) {
            job.take();
        }
        let before = self.sqlite.total_changes();
        let undecided = self.serve_to_its_end(job);
        self.clock.end();
        self.make_as_new(before);
        undecided
    }

    fn serve_to_its_end(&self, job: Job) -> Option<Job> {
        let Job { first, rest, mut taken, asker, since } = job;
        self.clock.work_for(asker.clone());
        let end = (Instant::now() + self.limits.transaction_timeout).into();
        let mut commands = Commands { rest, end, runtime: &self.runtime, clock: &self.clock };
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
                Command::Query(statement, reply) => {
                    match self.query(&statement, reply, &mut commands, &mut taken) {
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
                                taken,
                                asker,
                                since,
                            });
                        }
                    }
                }
                Command::Fetch(reply) => drop(reply.send(Err(Error::no_rows()))),
            }
            if transaction {
                next = commands.next();
            }
        }
        self.roll_back();
        None
    }

    /// Takes back what is seen of the changes of a session by the next: how many they were,
    /// and the last row's number, which no function of SQLite's own resets.
    fn make_as_new(&self, before: u64) {
        if self.sqlite.total_changes() == before {
            return;
        }
        self.clock.begin(self.limits.statement_timeout);
        self.clock.let_all_pass(true);
        if let Err(error) =
            AS_NEW.iter().try_for_each(|sql| self.sqlite.prepare_cached(sql)?.execute([]).map(drop))
        {
            tracing::error!("a connection to SQLite is not as new after its use: {error}");
        }
        self.clock.let_all_pass(false);
        self.clock.end();
    }

    fn run(&self, sql: &str) -> Result<()> {
        self.clock.begin(self.limits.statement_timeout);
        self.sqlite.execute_batch(sql).map_err(|error| self.explain(error))
    }

    fn explain(&self, error: rusqlite::Error) -> Error {
        explain_of(&self.path, &self.limits, error)
    }

    fn roll_back(&self) {
        if !self.sqlite.is_autocommit()
            && let Err(error) = self.run("ROLLBACK")
        {
            tracing::error!("a transaction could not be rolled back: {error}");
        }
    }

    fn execute(&self, statement: &Statement) -> Result<u64> {
        self.clock.begin(self.limits.statement_timeout);
        let explain = |error| self.explain(error);
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
    fn query(
        &self,
        statement: &Statement,
        reply: Reply<Page>,
        commands: &mut Commands<'_>,
        taken: &mut Option<oneshot::Sender<()>>,
    ) -> Outcome {
        let result = (|| {
            self.clock.begin(self.limits.statement_timeout);
            let prepared = self.sqlite.prepare_cached(&statement.sql);
            let mut prepared = prepared.map_err(|error| self.explain(error))?;
            if self.access == Access::Read && !prepared.readonly() {
                return Ok(None);
            }
            say_taken(taken);
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
        let mut reading = Reading::new(&mut prepared, &self.limits, &self.path);
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
                    self.clock.begin(self.limits.statement_timeout);
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

fn say_taken(taken: &mut Option<oneshot::Sender<()>>) {
    if let Some(taken) = taken.take() {
        // Where nobody waits, nobody is told.
        let _ = taken.send(());
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
        self.clock.rest();
        let next = async { tokio::time::timeout_at(self.end, self.rest.recv()).await };
        self.runtime.block_on(next).ok().flatten()
    }
}
