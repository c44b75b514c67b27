//! The file itself: opened when it is first needed, and anew after it has failed.
//!
//! One table has the values of all buckets, by their space and key, so that the keys of
//! a bucket are a range. What goes wrong with the file is logged here; guests are told
//! no more than that it did.

use std::fmt;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use bytes::Bytes;
use redb::{
    Builder, DatabaseError, ReadOnlyTable, ReadableDatabase as _, ReadableTable as _, StorageError, Table,
    TableDefinition,
};

use crate::{Error, Space, Unusable};

const VALUES: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("values");

/// Pages that are kept in memory.
const CACHE_BYTES: usize = 64 << 20;

/// What a read sees: all that was acknowledged before it.
pub(super) type Reader = ReadOnlyTable<(&'static str, &'static str), &'static [u8]>;

/// A file, open or not.
pub(super) struct Database {
    path: PathBuf,
    open: RwLock<Option<redb::Database>>,
}

/// A change.
pub(super) struct Write {
    /// What it brings.
    pub(super) bytes: usize,
    /// Makes the change, and gives what sends the answer once it is on the disk.
    pub(super) apply: Apply,
}

type Apply = Box<dyn FnOnce(&mut Writer<'_>) -> Result<Reply, StorageError> + Send>;

/// Sends an answer.
pub(super) type Reply = Box<dyn FnOnce() + Send>;

/// What the changes of one transaction are made to.
pub(super) struct Writer<'t> {
    table: Table<'t, (&'static str, &'static str), &'static [u8]>,
    changed: bool,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({})", self.path.display())
    }
}

impl Database {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, open: RwLock::default() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What is said where an operation was not done; the log says why.
    pub(super) fn failed(&self) -> Error {
        Error::other("the key-value file has failed; the server's log says why")
    }

    /// Lets `find` look at what there is.
    pub(super) fn read<T>(&self, find: impl FnOnce(&Reader) -> Result<T, StorageError>) -> Result<T, Error> {
        self.run(|database| {
            let transaction = database.begin_read()?;
            Ok(find(&transaction.open_table(VALUES)?)?)
        })
    }

    /// Makes all changes that wait in one transaction; gives their replies, to be sent
    /// when this has returned.
    pub(super) fn write(&self, writes: Vec<Write>) -> Result<Vec<Reply>, Error> {
        self.run(|database| {
            let transaction = database.begin_write()?;
            let (replies, changed) = {
                let mut writer = Writer { table: transaction.open_table(VALUES)?, changed: false };
                let replies: Result<Vec<_>, StorageError> =
                    writes.into_iter().map(|write| (write.apply)(&mut writer)).collect();
                (replies?, writer.changed)
            };
            match changed {
                true => transaction.commit()?,
                false => transaction.abort()?,
            }
            Ok(replies)
        })
    }

    /// Whether the file can be opened, where there is one; nothing of it is changed.
    pub(super) fn try_out(&self) -> Result<(), Unusable> {
        if self.open.read().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Ok(());
        }
        let text = |reason: &str| format!("cannot open the key-value file {}: {reason}", self.path.display());
        let wrong = |reason: &str| Unusable::Wrong(text(reason));
        match std::fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            // It would become one without values, unseen.
            Ok(found) if found.len() == 0 => {
                return Err(wrong("it is empty; restore it from a backup, or remove it to begin anew"));
            }
            _ => {}
        }
        let open = || Builder::new().open_read_only(&self.path).map(drop);
        match catch_unwind(AssertUnwindSafe(open)) {
            // What was not closed is put in order by who opens it to write.
            Ok(Ok(()) | Err(DatabaseError::RepairAborted)) => Ok(()),
            Ok(Err(DatabaseError::DatabaseAlreadyOpen)) => {
                Err(Unusable::Held(text(&remedy(&redb::Error::DatabaseAlreadyOpen))))
            }
            Ok(Err(error)) => Err(wrong(&remedy(&error.into()))),
            Err(_) => Err(wrong(DAMAGED)),
        }
    }

    /// Closes the file, where it is open, so that the next to open it finds it in order.
    pub(super) fn close(&self) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn run<T>(&self, work: impl FnOnce(&redb::Database) -> Result<T, redb::Error>) -> Result<T, Error> {
        let mut open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        if open.is_none() {
            drop(open);
            self.open()?;
            open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        }
        let Some(database) = open.as_ref() else { return Err(self.failed()) };
        let reason = match catch_unwind(AssertUnwindSafe(|| work(database))) {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it is not as it should be".to_owned(),
        };
        drop(open);
        tracing::error!("the key-value file {} has failed: {reason}", self.path.display());
        // It takes nothing more once a write has failed; the next operation opens it anew.
        self.close();
        Err(self.failed())
    }

    fn open(&self) -> Result<(), Error> {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if open.is_none() {
            *open = Some(create(&self.path).map_err(|error| {
                let text =
                    format!("cannot open the key-value file {}: {}", self.path.display(), remedy(&error));
                tracing::error!("{text}");
                Error::Other(text)
            })?);
        }
        Ok(())
    }
}

const DAMAGED: &str =
    "it is no key-value file, or damaged; restore it from a backup, or move it away to begin anew";

fn remedy(error: &redb::Error) -> String {
    match error {
        redb::Error::Corrupted(_) => DAMAGED.to_owned(),
        redb::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => DAMAGED.to_owned(),
        redb::Error::DatabaseAlreadyOpen => {
            "another server has it open; give each its own `data` in [server]".to_owned()
        }
        redb::Error::Io(error) => format!("{error}; correct `data` in [server]"),
        error => error.to_string(),
    }
}

/// Opens the file, or makes it, with the table in it.
fn create(path: &Path) -> Result<redb::Database, redb::Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // What guests keep is for no other user of this machine.
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let is_new = !path.exists();
    let database = Builder::new().set_cache_size(CACHE_BYTES).create(path)?;
    let transaction = database.begin_write()?;
    transaction.open_table(VALUES)?;
    transaction.commit()?;
    if is_new {
        // Else the file could be gone after a power failure, with all that was acknowledged.
        sync(folder)?;
    }
    Ok(database)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

impl Writer<'_> {
    pub(super) fn get(&self, space: &Space, key: &str) -> Result<Option<Bytes>, StorageError> {
        let found = self.table.get((space.as_str(), key))?;
        Ok(found.map(|value| Bytes::copy_from_slice(value.value())))
    }

    pub(super) fn insert(&mut self, space: &Space, key: &str, value: &[u8]) -> Result<(), StorageError> {
        self.changed = true;
        self.table.insert((space.as_str(), key), value).map(drop)
    }

    pub(super) fn remove(&mut self, space: &Space, key: &str) -> Result<(), StorageError> {
        let removed = self.table.remove((space.as_str(), key))?.is_some();
        self.changed |= removed;
        Ok(())
    }
}
