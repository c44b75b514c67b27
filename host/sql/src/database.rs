//! A database: from its opening to its last statement.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::session::{Command, Job, Lanes, Reply, Rows, Session, Transaction};
use crate::{Backend, DatabaseConfig, Error, Limits, Result, Start, Statement, postgres, sqlite};

/// What a statement may take beyond its time-outs until nobody waits for it any more.
const SLACK: Duration = Duration::from_millis(500);

/// An open database. Clones share its connections; they are closed with the last.
#[derive(Debug, Clone)]
pub struct Database(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    lanes: Lanes,
    limits: Limits,
    start: watch::Receiver<Start>,
}

impl Database {
    /// Opens a database, and begins to bring its schema up to date in the background;
    /// a server that cannot be reached is tried again until it can.
    ///
    /// # Errors
    ///
    /// If threads cannot be started.
    pub fn open(name: &str, config: &DatabaseConfig) -> std::io::Result<Self> {
        let (started, start) = watch::channel(Start::Pending(None));
        let lanes = match &config.backend {
            Backend::Sqlite(path) => sqlite::open(name, path, config, started)?,
            Backend::Postgres(url) => postgres::open(name, url, config, started)?,
        };
        Ok(Self(Arc::new(Shared { lanes, limits: config.limits.clone(), start })))
    }

    /// How far its start has come, waiting for it up to `patience`.
    pub async fn start(&self, patience: Duration) -> Start {
        let mut start = self.0.start.clone();
        let over = start.wait_for(|start| !matches!(start, Start::Pending(_)));
        match timeout(patience, over).await {
            Ok(Ok(start)) => start.clone(),
            _ => self.0.start.borrow().clone(),
        }
    }

    /// Likewise, but no longer than until something is wrong with it.
    pub(crate) async fn first_news(&self, patience: Duration) -> Start {
        let mut start = self.0.start.clone();
        let _ = timeout(patience, start.wait_for(|start| *start != Start::Pending(None))).await;
        self.0.start.borrow().clone()
    }

    /// Runs a statement; gives the number of rows it has changed.
    ///
    /// # Errors
    ///
    /// What is wrong with the statement or the database.
    pub async fn execute(&self, statement: Statement) -> Result<u64> {
        self.run(&self.0.lanes.write, |reply| Command::Execute(statement, reply)).await.map(|(rows, _)| rows)
    }

    /// Runs a statement that has rows as its result.
    ///
    /// # Errors
    ///
    /// What is wrong with the statement or the database.
    pub async fn query(&self, statement: Statement) -> Result<Rows> {
        let (page, session) = self.run(&self.0.lanes.query, |reply| Command::Query(statement, reply)).await?;
        Ok(Rows::new(page, session))
    }

    /// Begins a transaction.
    ///
    /// # Errors
    ///
    /// If no connection can be had.
    pub async fn begin(&self) -> Result<Transaction> {
        let ((), session) = self.run(&self.0.lanes.write, Command::Begin).await?;
        Ok(Transaction::new(session))
    }

    /// Hands a session in, and waits for the answer to its first command.
    async fn run<T>(
        &self,
        lane: &mpsc::Sender<Job>,
        first: impl FnOnce(Reply<T>) -> Command,
    ) -> Result<(T, Session)> {
        let limits = &self.0.limits;
        let ready = matches!(*self.0.start.borrow(), Start::Ready(_));
        let start = if ready { Start::Ready(Vec::new()) } else { self.start(limits.wait_timeout).await };
        match start {
            Start::Ready(_) => {}
            Start::Failed(problem) | Start::Pending(Some(problem)) => {
                return Err(Error::Unavailable(problem));
            }
            Start::Pending(None) => {
                return Err(Error::Unavailable("the database is still being started".to_owned()));
            }
        }
        let (reply, answer) = oneshot::channel();
        let (session, job, is_taken) = Session::new(first(reply));
        lane.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Unavailable(format!(
                "{} statements wait for a connection to the database already, which is `queue`",
                limits.queue
            )),
            mpsc::error::TrySendError::Closed(_) => Error::gone(),
        })?;
        // Where it was dropped, the answer says why.
        if timeout(limits.wait_timeout + SLACK, is_taken).await.is_err() {
            self.0.lanes.look.look();
            return Err((self.0.lanes.busy)());
        }
        // Which may include a wait for another process.
        let patience = limits.statement_timeout.max(limits.wait_timeout) + SLACK;
        match timeout(patience, answer).await {
            Ok(Ok(answer)) => answer.map(|answer| (answer, session)),
            Ok(Err(_)) => Err(Error::gone()),
            Err(_) => {
                self.0.lanes.look.look();
                Err(Error::cancelled())
            }
        }
    }
}
