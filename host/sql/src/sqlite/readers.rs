//! The threads that read, and what takes the place of one that does not come back.
//!
//! A statement ends at its time-out, since SQLite looks at the clock between two steps, and those
//! are short as long as values are (`value_bytes`) and no table for full text is searched. A thread
//! that goes on with a longer one cannot be stopped; so another takes its place, and it ends when
//! its step does. The one that writes cannot be replaced: it holds the lock.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use std::{io, thread};

use tokio::sync::mpsc;

use super::clock::Clock;
use super::work::work;
use crate::Limits;
use crate::session::{Job, Look};

/// How long a thread may take to notice that its statement has to end.
const NOTICES: Duration = Duration::from_millis(250);
/// Threads of a database that are waited for no more, at most: each takes a CPU.
const MOST: usize = 16;

/// The threads of one database.
#[derive(Debug)]
pub(super) struct Readers {
    name: String,
    path: PathBuf,
    limits: Arc<Limits>,
    queries: Arc<Mutex<mpsc::Receiver<Job>>>,
    write: mpsc::Sender<Job>,
    threads: Mutex<Threads>,
}

#[derive(Debug, Default)]
struct Threads {
    /// Those that serve.
    serving: Vec<Arc<Clock>>,
    /// Those that were replaced, as long as they live.
    left: Vec<Weak<Clock>>,
    started: u32,
    replaced: u32,
    is_full: bool,
}

impl Readers {
    /// Starts as many as there are to be connections; what only a writer can do goes to `write`.
    pub(super) fn start(
        name: &str,
        path: PathBuf,
        limits: Arc<Limits>,
        queries: mpsc::Receiver<Job>,
        write: mpsc::Sender<Job>,
    ) -> io::Result<Self> {
        let queries = Arc::new(Mutex::new(queries));
        let readers = Self { name: name.to_owned(), path, limits, queries, write, threads: Mutex::default() };
        let mut threads = Threads::default();
        for _ in 1..=readers.limits.connections.max(1) {
            let clock = readers.start_one(&mut threads)?;
            threads.serving.push(clock);
        }
        *readers.threads.lock().unwrap_or_else(PoisonError::into_inner) = threads;
        Ok(readers)
    }

    fn start_one(&self, threads: &mut Threads) -> io::Result<Arc<Clock>> {
        let clock = Arc::new(Clock::default());
        threads.started += 1;
        let (path, limits, of_thread) = (self.path.clone(), self.limits.clone(), clock.clone());
        let (queries, write) = (self.queries.clone(), self.write.clone());
        thread::Builder::new().name(format!("sql-{}-{}", self.name, threads.started)).spawn(move || {
            // Opened when it is first needed: not every database is read in parallel.
            work(&queries, Err((path, limits, of_thread)), |job| write.try_send(job).err());
        })?;
        Ok(clock)
    }
}

impl Look for Readers {
    fn look(&self) {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.left.retain(|clock| clock.strong_count() > 0);
        for index in 0..threads.serving.len() {
            let Some(hung) = threads.serving.get(index).filter(|clock| clock.is_past(NOTICES)) else {
                continue;
            };
            let hung = hung.clone();
            if threads.left.len() >= MOST {
                if !std::mem::replace(&mut threads.is_full, true) {
                    tracing::error!(
                        database = &*self.name,
                        "{MOST} threads have statements that cannot be interrupted, and no other is replaced; restart \
                         the server, with a smaller value_bytes"
                    );
                }
                return;
            }
            match self.start_one(&mut threads) {
                Ok(clock) => {
                    hung.replace();
                    threads.left.push(Arc::downgrade(&hung));
                    if let Some(serving) = threads.serving.get_mut(index) {
                        *serving = clock;
                    }
                    threads.replaced += 1;
                    tracing::error!(
                        database = &*self.name,
                        replaced = threads.replaced,
                        "a statement goes on past its statement_timeout, in one step of SQLite's that cannot be \
                         interrupted; another thread has taken the place of its own"
                    );
                }
                Err(error) => tracing::error!(
                    database = &*self.name,
                    "a statement goes on past its statement_timeout, and no thread can be started in the place of its \
                     own: {error}"
                ),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use crate::migrations::Migration;
    use crate::{Backend, Database, DatabaseConfig, Error, Limits, Start, Statement, Value};

    use super::*;

    /// Where the operator lets values be long, one pattern takes many seconds; and a phrase of
    /// many words is looked for at each word of a table for full text, which a migration has made.
    const HEAVY: [&str; 2] = [
        "SELECT {x} LIKE '%' || substr({x}, 1, 120) || 'b'",
        "SELECT count(*) FROM pages WHERE text MATCH '\"' || replace(printf('%.*c', 20000, 'a'), 'a', 'a ') || '\"'",
    ];
    const PAGES: &str = "CREATE VIRTUAL TABLE pages USING fts4(text); \
                         INSERT INTO pages VALUES (replace(printf('%.*c', 500000, 'a'), 'a', 'a '))";

    #[tokio::test]
    async fn a_thread_that_hangs_in_a_step_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits {
            connections: 1,
            statement_timeout: Duration::from_millis(200),
            wait_timeout: Duration::from_millis(1500),
            value_bytes: 1 << 30,
            query_bytes: 1 << 30,
            ..Limits::default()
        };
        let migration = Migration { name: "1.sql".to_owned(), sql: PAGES.to_owned(), digest: String::new() };
        let backend = Backend::Sqlite(folder.path().join("a.sqlite"));
        let database =
            Database::open("a", &DatabaseConfig { backend, migrations: vec![migration], limits }).unwrap();
        let query = async |sql: &str| {
            let statement = Statement::parse(sql.replace("{x}", "printf('%.*c', 60000000, 'a')"), Vec::new());
            database.query(statement.unwrap()).await.map(|rows| rows.rows)
        };
        let started = database.start(Duration::from_secs(60)).await;
        assert!(matches!(started, Start::Ready(_)), "{started:?}");
        for sql in HEAVY.into_iter().chain(HEAVY) {
            assert_eq!(query("SELECT 1").await, Ok(vec![vec![Value::Integer(1)]]), "before {sql}");
            let start = Instant::now();
            let outcome = query(sql).await;
            assert!(matches!(outcome, Err(Error::TimedOut(_))), "{outcome:?}");
            // It goes on all the same.
            assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        }
        assert_eq!(query("SELECT 1").await, Ok(vec![vec![Value::Integer(1)]]));
    }
}
