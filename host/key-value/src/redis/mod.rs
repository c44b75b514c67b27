//! Values in Redis, for several servers that are to see the same.
//!
//! A bucket is a hash, with a sorted set of its keys beside it, so that the list of keys
//! has an order and pages; a change is made to both in one transaction. One connection
//! carries all operations. It is driven by a thread of its own, made when it is first
//! needed, and made anew, ever more slowly, when it is lost: meanwhile operations fail.

mod thread;
mod trouble;
mod url;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{RedisError, Script, cmd, pipe};

pub(crate) use self::thread::Thread;
use self::trouble::Trouble;
pub use self::url::RedisUrl;
use crate::backend::Room;
use crate::{Backend, Change, Error, Keys, Space, Swap};

/// Attempts to connect again before an operation is told that there is no connection, and
/// the pauses between them.
const ATTEMPTS: usize = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long a connection is kept, though it was refused or is silent.
const KEPT_AT_LEAST: Duration = Duration::from_secs(1);
/// How many lines the log has at most of what is wrong with it, in so long.
const MOST_LINES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(10);
/// How many things that are wrong are remembered; after so many, all may be said again.
const MOST_TROUBLES: usize = 16;

/// What `GET` says where the values are too large together.
const TOO_LARGE: &str = "TOOLARGE";

/// Keys: the hash. Arguments: what the values may come to, then their keys. Nothing of a
/// hash that somebody else has filled is sent before it is known to fit.
static GET: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local bytes, values = 0, {}
         for i = 2, #ARGV do
             bytes = bytes + redis.call('HSTRLEN', KEYS[1], ARGV[i])
             if bytes > tonumber(ARGV[1]) then return redis.error_reply('TOOLARGE together') end
             values[i - 1] = redis.call('HGET', KEYS[1], ARGV[i])
         end
         return values",
    )
});

/// Keys: the hash, the sorted set. Arguments: the key, the value, and what the value is
/// expected to be, where one is.
static SWAP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local found = redis.call('HGET', KEYS[1], ARGV[1])
         if found ~= (ARGV[3] or false) then return {0, found} end
         redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
         redis.call('ZADD', KEYS[2], 0, ARGV[1])
         return {1, false}",
    )
});

/// How a Redis is reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RedisConfig {
    /// Where it is.
    pub url: RedisUrl,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// A back end in Redis.
#[derive(Debug)]
pub struct Redis {
    config: RedisConfig,
    thread: Arc<Thread>,
    /// Whether who looks says what is wrong, and not the log.
    is_tried_only: bool,
    /// With when it was made.
    connection: Mutex<Option<(ConnectionManager, Instant)>>,
    has_answered: AtomicBool,
    is_in_trouble: AtomicBool,
    said: Mutex<Said>,
}

/// What the log was told.
#[derive(Debug)]
struct Said {
    /// What has been wrong with it since it answered last: one that is silent at times and
    /// refuses at others is told of once by each.
    troubles: Vec<String>,
    since: Instant,
    lines: u32,
}

impl Said {
    /// Whether there may be another line: one that answers now and then, and so changes all the
    /// time, is not to fill the log.
    fn may_say(&mut self) -> bool {
        if self.since.elapsed() > WINDOW {
            (self.since, self.lines) = (Instant::now(), 0);
        }
        self.lines += 1;
        self.lines <= MOST_LINES
    }
}

/// The names of what a bucket is in Redis. The braces keep both in one slot of a cluster.
struct Names {
    values: String,
    keys: String,
}

impl Names {
    fn of(space: &Space) -> Self {
        let space = space.as_str();
        Self {
            values: format!("patchboard:{{{space}}}:values"),
            keys: format!("patchboard:{{{space}}}:keys"),
        }
    }
}

impl Redis {
    pub(crate) fn new(config: RedisConfig, thread: Arc<Thread>) -> Self {
        Self {
            config,
            thread,
            is_tried_only: false,
            connection: Mutex::default(),
            has_answered: AtomicBool::new(false),
            is_in_trouble: AtomicBool::new(false),
            said: Mutex::new(Said { troubles: Vec::new(), since: Instant::now(), lines: 0 }),
        }
    }

    /// One that is only to be looked at, with less patience.
    pub(crate) fn tried(config: &RedisConfig, thread: Arc<Thread>) -> Self {
        let config = RedisConfig { timeout: config.timeout.min(config.connect_timeout), ..config.clone() };
        Self { is_tried_only: true, ..Self::new(config, thread) }
    }

    /// Whether it can be used: none where it can, and what is wrong with it otherwise.
    pub(crate) async fn look(&self) -> Option<String> {
        let space = Space::new(None, "look");
        self.exists(&space, String::new()).await.err()?;
        self.said().troubles.last().cloned()
    }

    /// Runs an operation on the thread of the connection.
    async fn run<T, F>(&self, operation: impl FnOnce(ConnectionManager) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, RedisError>> + Send + 'static,
    {
        let operation = operation(self.connection()?);
        let limit = self.config.timeout;
        // With the attempts to connect, each of which has a limit of its own.
        let in_time = async move { tokio::time::timeout(limit, operation).await };
        match self.thread.run(in_time).await? {
            Ok(Ok(done)) => {
                self.has_answered.store(true, Ordering::Relaxed);
                if self.is_in_trouble.load(Ordering::Relaxed)
                    && self.is_in_trouble.swap(false, Ordering::Relaxed)
                {
                    let mut said = self.said();
                    if !std::mem::take(&mut said.troubles).is_empty() && said.may_say() {
                        tracing::info!("redis at {} answers again", self.config.url);
                    }
                }
                Ok(done)
            }
            Ok(Err(error)) => Err(self.explain(&error)),
            Err(_) => Err(self.explain(&io::Error::from(io::ErrorKind::TimedOut).into())),
        }
    }

    fn connection(&self) -> Result<ConnectionManager, Error> {
        let mut current = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((connection, _)) = &*current {
            return Ok(connection.clone());
        }
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(self.config.connect_timeout))
            .set_response_timeout(Some(self.config.timeout))
            .set_number_of_retries(ATTEMPTS)
            .set_min_delay(FIRST_PAUSE)
            .set_max_delay(LONGEST_PAUSE);
        let runtime = self.thread.runtime()?;
        let _entered = runtime.enter();
        let connection = redis::Client::open(self.config.url.info().clone())
            .and_then(|client| ConnectionManager::new_lazy_with_config(client, config));
        let connection = connection.map_err(|error| self.explain(&error))?;
        Ok(current.insert((connection, Instant::now())).0.clone())
    }

    /// The manager connects anew by itself where a connection is lost, but keeps one that
    /// was refused, and one to a machine that has gone without a word.
    fn leave_connection(&self) {
        let mut current = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        current.take_if(|(_, made)| made.elapsed() >= KEPT_AT_LEAST);
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The error as a guest is told; the operator is told once of each thing that is wrong until
    /// it answers again.
    fn explain(&self, error: &RedisError) -> Error {
        let url = &self.config.url;
        let Trouble { reason, remedy, is_of_connection, detail } =
            Trouble::of(error, url.is_tls(), self.has_answered.load(Ordering::Relaxed));
        if is_of_connection {
            self.leave_connection();
        }
        let text = format!("redis at {url} {reason}");
        if remedy.is_empty() {
            tracing::warn!("{text} ({detail})");
            return Error::Other(text);
        }
        let full = format!("{text}; {remedy}");
        let mut said = self.said();
        if self.is_tried_only {
            said.troubles = vec![full];
        } else if !said.troubles.contains(&full) && said.may_say() {
            tracing::error!("{full}; operations fail until it answers ({detail})");
            if said.troubles.len() == MOST_TROUBLES {
                said.troubles.clear();
            }
            said.troubles.push(full);
        }
        drop(said);
        self.is_in_trouble.store(true, Ordering::Relaxed);
        Error::Other(text)
    }
}

/// What Redis says of a number.
fn number_error(key: &str, error: &RedisError) -> Option<Error> {
    let text = error.to_string();
    if text.contains("not an integer") {
        Some(Error::not_a_number(key))
    } else {
        text.contains("overflow").then(|| Error::overflow(key))
    }
}

#[async_trait]
impl Backend for Redis {
    async fn get(
        &self,
        space: &Space,
        keys: Vec<String>,
        most_bytes: u64,
    ) -> Result<Vec<Option<Bytes>>, Error> {
        let names = Names::of(space);
        let found = self.run(async move |mut connection| {
            let mut script = GET.key(names.values);
            script.arg(most_bytes);
            for key in &keys {
                script.arg(key);
            }
            match script.invoke_async::<Vec<Option<Bytes>>>(&mut connection).await {
                Err(error) if error.code() == Some(TOO_LARGE) => Ok(None),
                found => found.map(Some),
            }
        });
        found.await?.ok_or_else(|| Room::too_small(most_bytes))
    }

    async fn exists(&self, space: &Space, key: String) -> Result<bool, Error> {
        let names = Names::of(space);
        self.run(async move |mut connection| {
            cmd("HEXISTS").arg(names.values).arg(key).query_async(&mut connection).await
        })
        .await
    }

    async fn keys(&self, space: &Space, after: Option<String>, count: usize) -> Result<Keys, Error> {
        let names = Names::of(space);
        let from = after.map_or_else(|| "-".to_owned(), |after| format!("({after}"));
        let found = self.run(async move |mut connection| {
            let mut range = cmd("ZRANGEBYLEX");
            range.arg(names.keys).arg(from).arg("+").arg("LIMIT").arg(0).arg(count + 1);
            range.query_async::<Vec<String>>(&mut connection).await
        });
        let mut keys = found.await?;
        let more = keys.len() > count;
        keys.truncate(count);
        Ok(Keys { keys, more })
    }

    async fn change(&self, space: &Space, changes: Vec<Change>, _: u64) -> Result<(), Error> {
        let names = Names::of(space);
        self.run(async move |mut connection| {
            let mut transaction = pipe();
            transaction.atomic();
            for (key, value) in &changes {
                match value {
                    Some(value) => {
                        transaction.cmd("HSET").arg(&names.values).arg(key).arg(&**value).ignore();
                        transaction.cmd("ZADD").arg(&names.keys).arg(0).arg(key).ignore();
                    }
                    None => {
                        transaction.cmd("HDEL").arg(&names.values).arg(key).ignore();
                        transaction.cmd("ZREM").arg(&names.keys).arg(key).ignore();
                    }
                }
            }
            transaction.query_async::<()>(&mut connection).await
        })
        .await
    }

    async fn increment(&self, space: &Space, key: String, delta: i64, _: u64) -> Result<i64, Error> {
        let (names, of) = (Names::of(space), key.clone());
        let sum = self.run(async move |mut connection| {
            let mut transaction = pipe();
            transaction.atomic();
            transaction.cmd("HINCRBY").arg(&names.values).arg(&of).arg(delta);
            transaction.cmd("ZADD").arg(&names.keys).arg(0).arg(&of).ignore();
            match transaction.query_async::<(i64,)>(&mut connection).await {
                Ok((sum,)) => Ok(Ok(sum)),
                Err(error) => number_error(&of, &error).map(Err).ok_or(error),
            }
        });
        sum.await?
    }

    async fn swap(
        &self,
        space: &Space,
        key: String,
        expected: Option<Bytes>,
        value: Bytes,
        _: u64,
    ) -> Result<Swap, Error> {
        let names = Names::of(space);
        let swapped = self.run(async move |mut connection| {
            let mut script = SWAP.key(names.values);
            script.key(names.keys).arg(key).arg(&*value);
            if let Some(expected) = &expected {
                script.arg(&**expected);
            }
            script.invoke_async::<(u8, Option<Bytes>)>(&mut connection).await
        });
        Ok(match swapped.await? {
            (1, _) => Swap::Done,
            (_, found) => Swap::Found(found),
        })
    }
}
