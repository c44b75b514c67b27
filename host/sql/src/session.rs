//! How a database and those who use it speak: commands to a connection, one at a time.
//!
//! A [`Session`] is the commands' way to a connection that is theirs alone until it
//! ends. It ends when nobody can send any more: its side of the database finds the
//! channel closed and rolls back what was begun.

use std::fmt;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use crate::{Error, Result, Row, Statement};

/// Commands on their way; more are refused.
const COMMANDS: usize = 16;

pub(crate) type Reply<T> = oneshot::Sender<Result<T>>;

/// What a connection is asked to do.
#[derive(Debug)]
pub(crate) enum Command {
    Begin(Reply<()>),
    Execute(Statement, Reply<u64>),
    Query(Statement, Reply<Page>),
    /// The next batch of the last query's rows, and whether there are more.
    Fetch(Reply<(Vec<Row>, bool)>),
    Commit(Reply<()>),
    Rollback(Reply<()>),
}

impl Command {
    /// Whether nobody waits for its answer any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        match self {
            Self::Begin(reply) | Self::Commit(reply) | Self::Rollback(reply) => reply.is_closed(),
            Self::Execute(_, reply) => reply.is_closed(),
            Self::Query(_, reply) => reply.is_closed(),
            Self::Fetch(reply) => reply.is_closed(),
        }
    }

    /// Answers it with an error.
    pub(crate) fn refuse(self, error: Error) {
        // Where nobody waits any more, nobody is told.
        match self {
            Self::Begin(reply) | Self::Commit(reply) | Self::Rollback(reply) => drop(reply.send(Err(error))),
            Self::Execute(_, reply) => drop(reply.send(Err(error))),
            Self::Query(_, reply) => drop(reply.send(Err(error))),
            Self::Fetch(reply) => drop(reply.send(Err(error))),
        }
    }
}

/// A query's first rows.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Row>,
    pub(crate) more: bool,
}

/// A session as the database sees it: its first command, and those that follow.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) first: Command,
    pub(crate) rest: mpsc::Receiver<Command>,
    /// Said when a connection has it.
    pub(crate) taken: Option<oneshot::Sender<()>>,
    /// Gone where nobody wants the session any more.
    pub(crate) asker: mpsc::WeakSender<Command>,
    pub(crate) since: Instant,
}

impl Job {
    /// Says that a connection has it, so that its wait for one is over.
    pub(crate) fn take(&mut self) {
        if let Some(taken) = self.taken.take() {
            // Where nobody waits, nobody is told.
            let _ = taken.send(());
        }
    }
}

/// Where sessions are handed in.
#[derive(Debug)]
pub(crate) struct Lanes {
    /// Those that may write.
    pub(crate) write: mpsc::Sender<Job>,
    /// Those that begin with a query, which may write as well.
    pub(crate) query: mpsc::Sender<Job>,
    /// Why none of them was taken in time.
    pub(crate) busy: fn() -> Error,
    /// Asked where a session was not taken, or a statement did not end, in time.
    pub(crate) look: Box<dyn Look>,
}

/// Looks after connections.
pub(crate) trait Look: fmt::Debug + Send + Sync {
    /// Puts others in the place of those that do not come back.
    fn look(&self);
}

/// Nobody need: what has connections of its own looks after them.
impl Look for () {
    fn look(&self) {}
}

/// A session as its user sees it.
#[derive(Debug, Clone)]
pub(crate) struct Session(mpsc::Sender<Command>);

impl Session {
    /// A session that begins with `first`, and tells when a connection has it.
    pub(crate) fn new(first: Command) -> (Self, Job, oneshot::Receiver<()>) {
        let (sender, rest) = mpsc::channel(COMMANDS);
        let (taken, is_taken) = oneshot::channel();
        let asker = sender.downgrade();
        (Self(sender), Job { first, rest, taken: Some(taken), asker, since: Instant::now() }, is_taken)
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.0.try_send(command(reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                Error::Invalid("too many statements at once in one transaction".to_owned())
            }
            mpsc::error::TrySendError::Closed(_) => Error::Invalid(
                "the transaction or query has ended: it was finished, or open for longer than \
                 transaction_timeout"
                    .to_owned(),
            ),
        })?;
        answer.await.unwrap_or_else(|_| Err(Error::gone()))
    }
}

/// The first rows of a result, and the rest.
#[derive(Debug)]
pub struct Rows {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// As many rows as fit into one batch.
    pub rows: Vec<Row>,
    /// The others.
    pub rest: Option<Cursor>,
}

impl Rows {
    pub(crate) fn new(page: Page, session: Session) -> Self {
        let Page { columns, rows, more } = page;
        Self { columns, rows, rest: more.then_some(Cursor { session: Some(session) }) }
    }
}

/// The rows of a query that are not read yet.
#[derive(Debug, Clone)]
pub struct Cursor {
    session: Option<Session>,
}

impl Cursor {
    /// The next batch; an empty one is the end.
    ///
    /// # Errors
    ///
    /// If the rows can no longer be had: the end of the session, or a limit.
    pub async fn next(&mut self) -> Result<Vec<Row>> {
        let Some(session) = &self.session else { return Ok(Vec::new()) };
        let (rows, more) = session.ask(Command::Fetch).await?;
        if !more {
            self.session = None;
        }
        Ok(rows)
    }
}

/// A transaction; rolled back when it is dropped.
#[derive(Debug, Clone)]
pub struct Transaction {
    session: Session,
}

impl Transaction {
    pub(crate) fn new(session: Session) -> Self {
        Self { session }
    }

    /// Runs a statement; gives the number of rows it has changed.
    ///
    /// # Errors
    ///
    /// What is wrong with the statement or the database.
    pub async fn execute(&self, statement: Statement) -> Result<u64> {
        self.session.ask(|reply| Command::Execute(statement, reply)).await
    }

    /// Runs a statement that has rows as its result.
    ///
    /// # Errors
    ///
    /// What is wrong with the statement or the database.
    pub async fn query(&self, statement: Statement) -> Result<Rows> {
        let page = self.session.ask(|reply| Command::Query(statement, reply)).await?;
        Ok(Rows::new(page, self.session.clone()))
    }

    /// Makes it permanent.
    ///
    /// # Errors
    ///
    /// If it was not, or if nobody can tell.
    pub async fn commit(&self) -> Result<()> {
        self.session.ask(Command::Commit).await
    }

    /// Undoes it.
    ///
    /// # Errors
    ///
    /// If it had ended already.
    pub async fn rollback(&self) -> Result<()> {
        self.session.ask(Command::Rollback).await
    }
}
