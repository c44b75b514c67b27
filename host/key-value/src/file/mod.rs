//! Values in an embedded file (redb): durable, and of this server alone.
//!
//! Nothing here waits on a core: reads go to two threads, changes to one, through queues
//! that are bounded. The thread of the changes takes all that wait into one transaction,
//! so that they share one sync, and answers when they are on the disk. The file is
//! opened by the first operation, or by [`File::open`], to know at once whether it can be.

mod copy;
mod database;
mod form;
mod lend;
mod threads;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::oneshot;

use self::database::{Database, Reader, Reply, Write, Writer};
use self::lend::Lending;
use self::threads::Threads;
use crate::backend::{Room, sum};
use crate::{Backend, Change, Error, Keys, Space, Swap, Unusable};

pub(crate) use self::copy::copy;

/// What becomes of an operation, where the file itself does not fail.
type Outcome<T> = Result<Result<T, Error>, redb::StorageError>;

/// A back end in a file.
#[derive(Debug)]
pub struct File {
    database: Arc<Database>,
    threads: Threads,
    lending: Lending,
}

impl File {
    /// That of the file at `path`, which need not be there, nor its folder.
    pub fn new(path: PathBuf) -> Self {
        let lending = Lending::new(&path);
        let database = Arc::new(Database::new(path));
        Self { threads: Threads::new(database.clone()), database, lending }
    }

    /// Opens the file, where it is not open, and lends it to backups from then on; takes as
    /// long as it takes.
    ///
    /// # Errors
    ///
    /// Why it cannot be, and what to do.
    pub fn open(&self) -> Result<(), Error> {
        self.database.read(|_| Ok(()))?;
        self.lending.start(&self.database);
        Ok(())
    }

    /// Whether it can be opened, where there is one; changes nothing.
    ///
    /// # Errors
    ///
    /// Why it cannot be, and what to do.
    pub fn try_out(&self) -> Result<(), Unusable> {
        self.database.try_out()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.database.path()
    }

    /// Closes it when all that was asked for is done. A further operation opens it anew.
    pub fn close(&self) {
        self.threads.end();
        self.lending.end();
        self.database.close();
    }

    async fn read<T: Send + 'static>(
        &self,
        find: impl FnOnce(&Reader) -> Outcome<T> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        let read = Box::new(move |database: &Database| {
            let found = database.read(find);
            answer.send(found.and_then(|outcome| outcome)).ok();
        });
        self.threads.read(read).await?;
        answered.await.unwrap_or_else(|_| Err(self.database.failed()))
    }

    /// `bytes` is what the operation brings.
    async fn write<T: Send + 'static>(
        &self,
        bytes: usize,
        apply: impl FnOnce(&mut Writer<'_>) -> Outcome<T> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        let apply = Box::new(move |writer: &mut Writer<'_>| {
            if answer.is_closed() {
                // Who asked has gone before it was begun.
                return Ok(Box::new(|| {}) as Reply);
            }
            let outcome = apply(writer)?;
            Ok(Box::new(move || drop(answer.send(outcome))) as Reply)
        });
        self.threads.write(Write { bytes, apply }).await?;
        answered.await.unwrap_or_else(|_| Err(self.database.failed()))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.close();
    }
}

#[async_trait]
impl Backend for File {
    async fn get(
        &self,
        space: &Space,
        keys: Vec<String>,
        most_bytes: u64,
    ) -> Result<Vec<Option<Bytes>>, Error> {
        let space = space.clone();
        self.read(move |reader| {
            let (mut values, mut room) = (Vec::with_capacity(keys.len()), Room::new(most_bytes));
            for key in &keys {
                let found = reader.get((space.as_str(), key.as_str()))?;
                if let Some(value) = &found
                    && let Err(error) = room.take(value.value())
                {
                    return Ok(Err(error));
                }
                values.push(found.map(|value| Bytes::copy_from_slice(value.value())));
            }
            Ok(Ok(values))
        })
        .await
    }

    async fn exists(&self, space: &Space, key: String) -> Result<bool, Error> {
        let space = space.clone();
        self.read(move |reader| Ok(Ok(reader.get((space.as_str(), key.as_str()))?.is_some()))).await
    }

    async fn keys(&self, space: &Space, after: Option<String>, count: usize) -> Result<Keys, Error> {
        let space = space.clone();
        self.read(move |reader| {
            let from = (space.as_str(), after.as_deref().unwrap_or_default());
            let mut page = Keys { keys: Vec::new(), more: false };
            for entry in reader.range(from..)? {
                let (key, _) = entry?;
                let (of, key) = key.value();
                if of != space.as_str() {
                    break;
                }
                if after.as_deref() == Some(key) {
                    continue;
                }
                if page.keys.len() == count {
                    page.more = true;
                    break;
                }
                page.keys.push(key.to_owned());
            }
            Ok(Ok(page))
        })
        .await
    }

    async fn change(&self, space: &Space, changes: Vec<Change>, most_bytes: u64) -> Result<(), Error> {
        let space = space.clone();
        let bytes = changes.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Bytes::len)).sum();
        self.write(bytes, move |writer| writer.change(&space, &changes, most_bytes)).await
    }

    async fn increment(&self, space: &Space, key: String, delta: i64, most_bytes: u64) -> Result<i64, Error> {
        let space = space.clone();
        self.write(key.len(), move |writer| {
            let found = writer.get(&space, &key)?;
            let sum = match sum(&key, found.as_deref(), delta) {
                Ok(sum) => sum,
                Err(error) => return Ok(Err(error)),
            };
            let change = (key, Some(sum.to_string().into()));
            Ok(writer.change(&space, &[change], most_bytes)?.map(|()| sum))
        })
        .await
    }

    async fn swap(
        &self,
        space: &Space,
        key: String,
        expected: Option<Bytes>,
        value: Bytes,
        most_bytes: u64,
    ) -> Result<Swap, Error> {
        let space = space.clone();
        self.write(key.len() + value.len(), move |writer| {
            let found = writer.get(&space, &key)?;
            if found != expected {
                return Ok(Ok(Swap::Found(found)));
            }
            Ok(writer.change(&space, &[(key, Some(value))], most_bytes)?.map(|()| Swap::Done))
        })
        .await
    }
}
