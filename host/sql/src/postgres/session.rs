//! One session on a connection of the pool.
//!
//! A connection goes back to the pool only when nothing of the session is left on it:
//! one with a statement or transaction of which the end is not known is closed.

use std::pin::Pin;

use deadpool_postgres::{Object, Pool};
use futures_util::TryStreamExt as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::RowStream;

use super::error::{explain, no_connection};
use super::values::{Parameter, columns, row};
use crate::batch::Batch;
use crate::session::{Command, Job, Page, Reply};
use crate::{Error, Limits, Result, Row, Statement};

/// Rows that nobody wants are read to their end if they are so few.
const FEW_ROWS: usize = 512;
/// Statements that are kept prepared, a connection.
const PREPARED: usize = 64;

/// Serves a session to its end.
pub(super) async fn serve(pool: &Pool, limits: &Limits, job: Job) {
    let Job { first, rest, since } = job;
    if since.elapsed() > limits.wait_timeout {
        return first.refuse(Error::busy());
    }
    let connection = match pool.get().await {
        Ok(connection) => connection,
        Err(error) => return first.refuse(no_connection(error)),
    };
    let end = Instant::now() + limits.transaction_timeout;
    let mut session = Session { connection, limits, rest, end, state: State::Idle };
    session.run(first).await;
    if session.state != State::Idle {
        // Dropped outside of the pool, the connection is closed, and what was begun undone.
        drop(Object::take(session.connection));
    }
}

struct Session<'a> {
    connection: Object,
    limits: &'a Limits,
    rest: mpsc::Receiver<Command>,
    end: Instant,
    state: State,
}

/// What is on the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing.
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
                Command::Execute(statement, reply) => {
                    let result = self.execute(&statement).await;
                    let result = self.settle(result).await;
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

    /// After an error, rolls back a transaction, and gives up a connection that was lost
    /// or whose statement still runs.
    async fn settle<T>(&mut self, result: Result<T>) -> Result<T> {
        match &result {
            Ok(_) => {}
            Err(Error::Unavailable(_) | Error::TimedOut(_)) => self.state = State::Unknown,
            Err(_) if self.state == State::Transaction => {
                self.state = if self.roll_back().await.is_ok() { State::Failed } else { State::Unknown };
            }
            Err(_) => {}
        }
        result
    }

    async fn execute(&mut self, statement: &Statement) -> Result<u64> {
        let work = async {
            let prepared = self.prepare(&statement.sql).await?;
            let parameters = parameters(statement, prepared.params().len(), self.limits)?;
            self.connection.execute_raw(&prepared, parameters).await.map_err(|error| explain(&error))
        };
        timeout(self.limits.statement_timeout, work).await.unwrap_or_else(|_| Err(Error::statement_timeout()))
    }

    async fn prepare(&self, sql: &str) -> Result<tokio_postgres::Statement> {
        let cache = &self.connection.statement_cache;
        if cache.size() >= PREPARED {
            cache.clear();
        }
        self.connection.prepare_cached(sql).await.map_err(|error| explain(&error))
    }

    /// Answers with the first rows, and then with the others as they are asked for.
    /// Gives the command that ended it, if one did.
    async fn query(&mut self, statement: &Statement, reply: Reply<Page>) -> Option<Command> {
        let limits = self.limits;
        let work = async {
            let prepared = self.prepare(&statement.sql).await?;
            let parameters = parameters(statement, prepared.params().len(), limits)?;
            let stream = self.connection.query_raw(&prepared, parameters).await;
            let mut reading = Reading::new(Box::pin(stream.map_err(|error| explain(&error))?), limits);
            let (rows, more) = reading.batch().await?;
            Ok((Page { columns: columns(&prepared), rows, more }, reading))
        };
        let result = timeout(limits.statement_timeout, work).await;
        let result = result.unwrap_or_else(|_| Err(Error::statement_timeout()));
        let failed_with_rows_left = matches!(result, Err(Error::TooLarge(_) | Error::Other(_)));
        let (page, mut reading) = match self.settle(result).await {
            Ok(begun) => begun,
            Err(error) => {
                if failed_with_rows_left {
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
            let Some(Command::Fetch(reply)) = next else {
                // The server still sends rows that nobody wants; to end that it is
                // simplest to read them where they are few, and to close otherwise.
                if !reading.finish().await {
                    self.state = State::Unknown;
                }
                return self.unless_lost(next);
            };
            let batch = timeout(limits.statement_timeout, reading.batch()).await;
            let batch = batch.unwrap_or_else(|_| Err(Error::statement_timeout()));
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

/// The parameters as the driver takes them.
fn parameters<'a>(statement: &'a Statement, wanted: usize, limits: &Limits) -> Result<Vec<Parameter<'a>>> {
    statement.check_count(wanted)?;
    statement.check_bytes(limits)?;
    Ok(statement.parameters.iter().map(Parameter).collect())
}

/// A query's rows, as they are read.
struct Reading<'a> {
    rows: Pin<Box<RowStream>>,
    batch: Batch<'a>,
}

impl<'a> Reading<'a> {
    fn new(rows: Pin<Box<RowStream>>, limits: &'a Limits) -> Self {
        Self { rows, batch: Batch::new(limits) }
    }

    /// The next rows, and whether there may be more.
    async fn batch(&mut self) -> Result<(Vec<Row>, bool)> {
        while !self.batch.is_full() {
            let next = self.rows.try_next().await.map_err(|error| explain(&error))?;
            let Some(next) = next else { return Ok((self.batch.take(), false)) };
            self.batch.add(row(&next)?)?;
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
