//! What is open, and which bucket is kept where.
//!
//! Outlives a reload of the configuration: a bucket that goes on to be granted is the
//! same one afterwards, with its values and its connection.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::file::copy;
use crate::redis::Thread;
use crate::{Backend, Bucket, Error, File, Limits, Memory, Redis, RedisConfig, Space, Unusable};

/// The file of all buckets that are kept in one, in the data folder.
pub const FILE: &str = "key-value.redb";

/// Copies the file of the data folder `data`, if there is one, to a new file at `to`: all
/// values as they are at one moment, whether a server has it open or not. Gives how many
/// they are.
///
/// # Errors
///
/// Why it cannot be copied, and what to do.
pub fn copy_file(data: &Path, to: &Path) -> Result<Option<u64>, String> {
    copy(&data.join(FILE), to)
}

/// A bucket as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketConfig {
    /// Its name.
    pub name: String,
    /// What keeps its values.
    pub backend: BackendConfig,
    /// Whether it is one bucket for all who are granted it, or one for each.
    pub shared: bool,
    /// What an operation may ask for.
    pub limits: Limits,
    /// How long an operation may take, with its wait.
    pub timeout: Duration,
}

/// What keeps values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackendConfig {
    /// The memory of this process, with room for so many bytes.
    Memory(u64),
    /// The file in the data folder.
    File,
    /// A Redis.
    Redis(Box<RedisConfig>),
}

/// What is open.
#[derive(Debug)]
pub struct Stores {
    file: Arc<File>,
    thread: Arc<Thread>,
    memories: Mutex<HashMap<String, Arc<Memory>>>,
    /// Closed with the last bucket that is in it.
    redises: Mutex<HashMap<RedisConfig, Weak<Redis>>>,
}

impl Stores {
    /// Nothing is open yet. The file is, or will be, in the folder `data`.
    pub fn new(data: &Path) -> Self {
        Self {
            file: Arc::new(File::new(data.join(FILE))),
            thread: Arc::default(),
            memories: Mutex::default(),
            redises: Mutex::default(),
        }
    }

    /// The bucket of `owner` that `config` says; `permits` are for all of its owner's
    /// operations.
    pub fn bucket(&self, owner: &str, config: &BucketConfig, permits: &Arc<Semaphore>) -> Bucket {
        Bucket {
            backend: self.backend(&config.name, &config.backend),
            space: Space::new((!config.shared).then_some(owner), &config.name),
            limits: config.limits.clone(),
            timeout: config.timeout,
            permits: permits.clone(),
        }
    }

    /// Lets a bucket in memory hold as much as `config` says; nothing that it has is lost.
    pub fn set_room(&self, config: &BucketConfig) {
        if let BackendConfig::Memory(bytes) = config.backend
            && let Some(memory) = self.memories().get(&config.name)
        {
            memory.set_most_bytes(bytes);
        }
    }

    /// Looks whether the Redis of `config` can be used, where it is kept in one; the log says
    /// what is wrong with it.
    pub fn look(&self, config: &BucketConfig) {
        if let BackendConfig::Redis(config) = &config.backend {
            let redis = self.redis(config);
            self.thread.spawn(async move { redis.look().await }).ok();
        }
    }

    /// What is wrong with each Redis of `configs` that nothing uses yet, as far as that is known
    /// within its `connect_timeout`.
    pub fn try_redises<'c>(&self, configs: impl Iterator<Item = &'c BucketConfig>) -> Vec<String> {
        let of_redis = |config: &'c BucketConfig| match &config.backend {
            BackendConfig::Redis(config) => Some(&**config),
            _ => None,
        };
        let mut new: Vec<_> = configs.filter_map(of_redis).filter(|config| !self.has_redis(config)).collect();
        new.dedup();
        let looks: Vec<_> = new
            .into_iter()
            .filter_map(|config| {
                let redis = Redis::tried(config, self.thread.clone());
                let (send, receive) = std::sync::mpsc::channel();
                self.thread.spawn(async move { send.send(redis.look().await) }).ok()?;
                Some(receive)
            })
            .collect();
        looks.into_iter().filter_map(|look| look.recv().ok().flatten()).collect()
    }

    /// Whether the file can be opened, where there is one; changes nothing.
    ///
    /// # Errors
    ///
    /// Why it cannot be, and what to do.
    pub fn try_file(&self) -> Result<(), Unusable> {
        self.file.try_out()
    }

    /// Where the file is, or will be.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Opens the file, so that what is wrong with it is known at once.
    ///
    /// # Errors
    ///
    /// Why it cannot be, and what to do.
    pub fn open_file(&self) -> Result<(), Error> {
        self.file.open()
    }

    /// Closes the file when all that was asked for is done: one that was not closed is
    /// looked through when it is opened again.
    pub fn close(&self) {
        self.file.close();
    }

    fn memories(&self) -> MutexGuard<'_, HashMap<String, Arc<Memory>>> {
        self.memories.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn backend(&self, name: &str, config: &BackendConfig) -> Arc<dyn Backend> {
        match config {
            BackendConfig::File => self.file.clone(),
            BackendConfig::Memory(bytes) => {
                let mut memories = self.memories();
                let memory = memories.entry(name.to_owned()).or_insert_with(|| Arc::new(Memory::new(*bytes)));
                memory.clone()
            }
            BackendConfig::Redis(config) => self.redis(config),
        }
    }

    fn redis(&self, config: &RedisConfig) -> Arc<Redis> {
        let mut redises = self.redises();
        redises.retain(|_, redis| redis.strong_count() > 0);
        if let Some(redis) = redises.get(config).and_then(Weak::upgrade) {
            return redis;
        }
        let redis = Arc::new(Redis::new(config.clone(), self.thread.clone()));
        redises.insert(config.clone(), Arc::downgrade(&redis));
        redis
    }

    fn has_redis(&self, config: &RedisConfig) -> bool {
        self.redises().get(config).is_some_and(|redis| redis.strong_count() > 0)
    }

    fn redises(&self) -> MutexGuard<'_, HashMap<RedisConfig, Weak<Redis>>> {
        self.redises.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
