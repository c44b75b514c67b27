//! One session on a connection of the pool.
//!
//! A connection goes back to the pool when it is as new. A session that is one statement
//! has that sent right behind it, so that it costs nobody a round trip; a statement that
//! takes too long, or that nobody waits for any more, is ended at the server first, and
//! the session's place is taken until it is gone.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool::managed::Object;
use futures_util::TryStreamExt as _;
use futures_util::future::maybe_done;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Column, RowStream};

use super::connection::{Connection, Manager, Pool};
use super::error::{PARAMETERS, explain, no_connection};
use super::values::{Parameter, is_looked_up, row};
use crate::batch::Batch;
use crate::session::{Command, Job, Page, Reply};
use crate::{Error, Limits, Result, Row, Statement, Value};

/// Rows that nobody wants are read to their end if they are so few.
const FEW_ROWS: usize = 512;
/// The server ends a statement by itself, and is then asked to.
const SLACK: Duration = Duration::from_millis(200);

/// A connection that is not as new after this long is given up.
const RENEWAL_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves a session to its end.
pub(super) async fn serve(pool: &Pool, limits: &Limits, mut job: Job) {
    if job.since.elapsed() > limits.wait_timeout {
        return job.first.refuse(Error::busy());
    }
    if job.first.is_abandoned() {
        return;
    }
    let connection = match pool.get().await {
        Ok(connection) => connection,
        Err(error) => return job.first.refuse(no_connection(error)),
    };
    job.take();
    if !serve_on(&connection, pool.manager(), limits, job).await {
        // Dropped outside of the pool, the connection is closed.
        drop(Object::take(connection));
    }
}

/// Whether the connection is as new afterwards.
async fn serve_on(connection: &Connection, manager: &Manager, limits: &Limits, job: Job) -> bool {
    let Job { first, rest, .. } = job;
    let is_one_statement = !matches!(first, Command::Begin(_));
    let mut renewed = pin!(maybe_done(connection.renew()));
    let end = Instant::now() + limits.transaction_timeout;
    let behind = is_one_statement.then_some(renewed.as_mut() as Behind<'_>);
    let mut session = Session { connection, limits, rest, end, state: State::Idle, behind };
    session.run(first).await;
    let is_idle = session.state == State::Idle;
    if !is_idle {
        return connection.stop(manager).await && connection.renew().await.unwrap_or(false);
    }
    if timeout(RENEWAL_TIMEOUT, renewed.as_mut()).await.is_err() {
        connection.stop(manager).await;
    }
    renewed.take_output().is_some_and(|renewed| renewed.unwrap_or(false))
}

/// What is sent behind the first statement.
type Behind<'a> = Pin<&'a mut (dyn Future<Output = ()> + Send)>;

struct Session<'a> {
    connection: &'a Connection,
    limits: &'a Limits,
    rest: mpsc::Receiver<Command>,
    end: Instant,
    state: State,
    behind: Option<Behind<'a>>,
}

/// What is on the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing that runs.
    Idle,
    /// A transaction.
    Transaction,
    /// A transaction that was rolled back since a statement of it failed.
    Failed,
    /// Something of which nobody knows how it ended.
    Unknown,
}

impl Session<'_> {
    async fn run(&mut self, first: Command) {
        let mut next = Some(first);
        while let Some(command) = next.take() {
            match command {
                Command::Begin(reply) => {
                    let begun = self.simple("BEGIN").await;
                    self.state = if begun.is_ok() { State::Transaction } else { State::Unknown };
                    drop(reply.send(begun));
                }
                Command::Rollback(reply) => {
                    // First, so that whoever has the answer finds the session over.
                    self.rest.close();
                    let done = if self.state == State::Failed { Ok(()) } else { self.roll_back().await };
                    if done.is_ok() {
                        self.state = State::Idle;
                    }
                    drop(reply.send(done));
                    return;
                }
                command if self.state == State::Failed => command.refuse(Error::failed_before()),
                Command::Commit(reply) => {
                    self.rest.close();
                    let committed = self.simple("COMMIT").await.map_err(|error| match error {
                        Error::Unavailable(text) => {
                            Error::Unavailable(format!("{text}; whether it was committed is not known"))
                        }
                        other => other,
                    });
                    self.state = if committed.is_ok() { State::Idle } else { State::Unknown };
                    drop(reply.send(committed));
                    return;
                }
                Command::Execute(statement, mut reply) => {
                    let result = self.execute(&statement, &mut reply).await;
                    let result = self.settle(&statement, result).await;
                    drop(reply.send(result));
                }
                Command::Query(statement, reply) => {
                    next = self.query(&statement, reply).await;
                    if next.is_some() {
                        continue;
                    }
                }
                Command::Fetch(reply) => drop(reply.send(Err(Error::no_rows()))),
            }
            if matches!(self.state, State::Transaction | State::Failed) {
                next = self.next().await;
            }
        }
        if self.state == State::Transaction && self.roll_back().await.is_ok() || self.state == State::Failed {
            self.state = State::Idle;
        }
    }

    /// The next command, or none at the end of the session.
    async fn next(&mut self) -> Option<Command> {
        timeout_at(self.end, self.rest.recv()).await.ok().flatten()
    }

    async fn roll_back(&mut self) -> Result<()> {
        self.simple("ROLLBACK").await
    }

    async fn simple(&mut self, sql: &str) -> Result<()> {
        match timeout(self.limits.statement_timeout, self.connection.batch_execute(sql)).await {
            Ok(done) => done.map_err(|error| explain(&error)),
            Err(_) => Err(Error::statement_timeout()),
        }
    }

    /// Waits for `work` on a statement for as long as it may take and `reply` is waited for.
    async fn bounded<T, A>(
        &mut self,
        work: impl Future<Output = Result<T>>,
        reply: &mut Reply<A>,
    ) -> Result<T> {
        let (mut work, behind) = (pin!(work), &mut self.behind);
        let work = poll_fn(|context| {
            // In this order they are sent.
            let result = work.as_mut().poll(context);
            if let Some(behind) = behind {
                let _ = behind.as_mut().poll(context);
            }
            result
        });
        let late = tokio::select! {
            biased;
            result = work => return result,
            () = sleep(self.limits.statement_timeout + SLACK) => Error::cancelled(),
            () = reply.closed() => Error::abandoned(),
        };
        self.state = State::Unknown;
        Err(late)
    }

    /// After an error, rolls back a transaction, and sees whether a connection was lost.
    async fn settle<T>(&mut self, statement: &Statement, result: Result<T>) -> Result<T> {
        let error = match result {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        match &error {
            _ if self.state == State::Unknown => {}
            Error::Unavailable(_) => self.state = State::Unknown,
            _ if self.state == State::Transaction => {
                self.state = if self.roll_back().await.is_ok() { State::Failed } else { State::Unknown };
            }
            _ => {}
        }
        Err(match error {
            Error::Invalid(text) if text.starts_with(PARAMETERS) => {
                self.explain_parameters(statement, text).await
            }
            error => error,
        })
    }

    /// The server says of parameters only that something is wrong.
    async fn explain_parameters(&mut self, statement: &Statement, text: String) -> Error {
        if self.state == State::Unknown {
            return Error::Invalid(text);
        }
        let counted = timeout(self.limits.statement_timeout, self.connection.prepare(&statement.sql)).await;
        self.connection.note_look_up();
        let counted = counted.map(|prepared| prepared.map(|prepared| prepared.params().len()));
        match counted {
            Ok(Ok(wanted)) => statement.check_count(wanted).err().unwrap_or(Error::Invalid(text)),
            _ => Error::Invalid(text),
        }
    }

    async fn execute(&mut self, statement: &Statement, reply: &mut Reply<u64>) -> Result<u64> {
        let (connection, limits) = (self.connection, self.limits);
        let work = async {
            let parameters = parameters(statement, limits)?;
            let parameters: Vec<(&(dyn ToSql + Sync), Type)> =
                parameters.iter().map(|(value, ty)| (value as &(dyn ToSql + Sync), ty.clone())).collect();
            let done = connection.execute_typed(&statement.sql, &parameters).await;
            done.map_err(|error| connection.explain(&error))
        };
        self.bounded(work, reply).await
    }

    /// Answers with the first rows, and then with the others as they are asked for.
    /// Gives the command that ended it, if one did.
    async fn query(&mut self, statement: &Statement, mut reply: Reply<Page>) -> Option<Command> {
        let (connection, limits) = (self.connection, self.limits);
        let are_left = AtomicBool::new(false);
        let work = async {
            let parameters = parameters(statement, limits)?;
            let stream = connection.query_typed_raw(&statement.sql, parameters).await;
            let stream = Box::pin(stream.map_err(|error| connection.explain(&error))?);
            let mut reading = Reading {
                connection,
                rows: stream,
                columns: None,
                batch: Batch::new(limits),
                are_left: false,
            };
            let (rows, more) = reading.batch().await.inspect_err(|_| {
                are_left.store(reading.are_left, Ordering::Relaxed);
            })?;
            let columns = match reading.columns.take() {
                Some(columns) => columns,
                // The driver tells them with a row only.
                None => match connection.prepare(&statement.sql).await {
                    Ok(prepared) => columns(prepared.columns(), connection),
                    Err(_) => Vec::new(),
                },
            };
            Ok((Page { columns, rows, more }, reading))
        };
        let result = self.bounded(work, &mut reply).await;
        if result.is_err() {
            // Of what types its columns are was not seen.
            connection.note_look_up();
        }
        let (page, mut reading) = match self.settle(statement, result).await {
            Ok(begun) => begun,
            Err(error) => {
                if are_left.load(Ordering::Relaxed) {
                    self.state = State::Unknown;
                }
                drop(reply.send(Err(error)));
                return None;
            }
        };
        let mut more = page.more;
        drop(reply.send(Ok(page)));
        while more {
            let next = self.next().await;
            let Some(Command::Fetch(mut reply)) = next else {
                // The server still sends rows that nobody wants; to end that it is
                // simplest to read them where they are few, and to cancel otherwise.
                if !reading.finish().await {
                    self.state = State::Unknown;
                }
                return self.unless_lost(next);
            };
            let batch = self.bounded(reading.batch(), &mut reply).await;
            more = matches!(batch, Ok((_, true)));
            if batch.is_err() {
                self.state = State::Unknown;
            }
            drop(reply.send(batch));
        }
        None
    }

    fn unless_lost(&self, next: Option<Command>) -> Option<Command> {
        if self.state != State::Unknown {
            return next;
        }
        let lost = "the rest of the query before was too large to pass over; read it to its end";
        if let Some(command) = next {
            command.refuse(Error::Invalid(lost.to_owned()));
        }
        None
    }
}

/// The parameters as the driver takes them: their types are the server's to infer, but for
/// bytes, which are no text.
fn parameters<'a>(statement: &'a Statement, limits: &Limits) -> Result<Vec<(Parameter<'a>, Type)>> {
    statement.check_bytes(limits)?;
    let ty = |value: &Value| if matches!(value, Value::Blob(_)) { Type::BYTEA } else { Type::UNKNOWN };
    Ok(statement.parameters.iter().map(|value| (Parameter(value), ty(value))).collect())
}

/// The columns' names.
fn columns(columns: &[Column], connection: &Connection) -> Vec<String> {
    if columns.iter().any(|column| is_looked_up(column.type_())) {
        connection.note_look_up();
    }
    columns.iter().map(|column| column.name().to_owned()).collect()
}

/// A query's rows, as they are read.
struct Reading<'a> {
    connection: &'a Connection,
    rows: Pin<Box<RowStream>>,
    /// The columns' names, which come with the first row.
    columns: Option<Vec<String>>,
    batch: Batch<'a>,
    /// Whether others are still on their way after an error, which was not the server's.
    are_left: bool,
}

impl Reading<'_> {
    /// The next rows, and whether there may be more.
    async fn batch(&mut self) -> Result<(Vec<Row>, bool)> {
        while !self.batch.is_full() {
            let next = self.rows.try_next().await.map_err(|error| self.connection.explain(&error))?;
            let Some(next) = next else { return Ok((self.batch.take(), false)) };
            self.columns.get_or_insert_with(|| columns(next.columns(), self.connection));
            row(&next).and_then(|row| self.batch.add(row)).inspect_err(|_| self.are_left = true)?;
        }
        Ok((self.batch.take(), true))
    }

    /// Passes over what is left, if that is little; whether the end was reached.
    async fn finish(&mut self) -> bool {
        for _ in 0..FEW_ROWS {
            match self.rows.try_next().await {
                Ok(Some(_)) => {}
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
        false
    }
}
