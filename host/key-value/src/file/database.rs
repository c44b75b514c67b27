//! The file itself: opened when it is first needed, and anew after it has failed.
//!
//! One table has the values of all buckets, by their space and key, so that the keys of
//! a bucket are a range. What goes wrong with the file is logged here; guests are told
//! no more than that it did.

use std::collections::HashMap;
use std::fmt;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use redb::{
    Builder, DatabaseError, ReadOnlyTable, ReadableDatabase as _, ReadableTable as _, StorageError, Table,
    TableDefinition,
};

use crate::backend::cost;
use crate::{Change, Error, Space, Unusable};

pub(super) const VALUES: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("values");

/// What each space comes to, in bytes. Where it is not there yet, it is counted.
pub(super) const BYTES: TableDefinition<'_, &str, u64> = TableDefinition::new("bytes");

/// The name of a file that is being made.
const UNBORN: &str = ".patchboard-key-value.redb";

/// How often the log is told of the same failure.
const SAID_AT_MOST: Duration = Duration::from_secs(60);

/// Pages that are kept in memory.
const CACHE_BYTES: usize = 64 << 20;

/// What a read sees: all that was acknowledged before it.
pub(super) type Reader = ReadOnlyTable<(&'static str, &'static str), &'static [u8]>;

/// A file, open or not.
pub(super) struct Database {
    path: PathBuf,
    open: RwLock<Option<redb::Database>>,
    /// What was last said to be wrong with it, and when.
    said: Mutex<Option<(String, Instant)>>,
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
    bytes: Table<'t, &'static str, u64>,
    changed: bool,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({})", self.path.display())
    }
}

impl Database {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, open: RwLock::default(), said: Mutex::default() }
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

    /// All that is acknowledged by now, whatever is written later.
    pub(super) fn snapshot(&self) -> Result<Reader, Error> {
        self.run(|database| Ok(database.begin_read()?.open_table(VALUES)?))
    }

    /// Makes all changes that wait in one transaction; gives their replies, to be sent
    /// when this has returned.
    pub(super) fn write(&self, writes: Vec<Write>) -> Result<Vec<Reply>, Error> {
        self.run(|database| {
            let transaction = database.begin_write()?;
            let (replies, changed) = {
                let (table, bytes) = (transaction.open_table(VALUES)?, transaction.open_table(BYTES)?);
                let mut writer = Writer { table, bytes, changed: false };
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
                return Err(wrong(EMPTY));
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
            Ok(Err(error)) => remedy(&error),
            Err(_) => DAMAGED.to_owned(),
        };
        drop(open);
        self.say(&format!("the key-value file {} has failed: {reason}", self.path.display()));
        // It takes nothing more once a write has failed; the next operation opens it anew.
        self.close();
        Err(self.failed())
    }

    /// Tells the log, once a minute where it is the same.
    fn say(&self, text: &str) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.as_ref().is_none_or(|(said, at)| said != text || at.elapsed() > SAID_AT_MOST) {
            tracing::error!("{text}");
            *said = Some((text.to_owned(), Instant::now()));
        }
    }

    fn open(&self) -> Result<(), Error> {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if open.is_none() {
            *open = Some(create(&self.path).map_err(|error| {
                let text =
                    format!("cannot open the key-value file {}: {}", self.path.display(), remedy(&error));
                self.say(&text);
                Error::Other(text)
            })?);
        }
        Ok(())
    }
}

const DAMAGED: &str =
    "it is no key-value file, or damaged; restore it from a backup, or move it away to begin anew";

const EMPTY: &str = "it is empty; restore it from a backup, or remove it to begin anew";

/// Takes a value, by its space and key.
type Take<'t> = dyn FnMut(&str, &str, &[u8]) -> io::Result<()> + 't;

/// Gives `take` every value; gives how many they are.
pub(super) fn each(reader: &Reader, take: &mut Take<'_>) -> Result<u64, String> {
    let all = || {
        let mut count = 0;
        for entry in reader.iter().map_err(|error| error.to_string())? {
            let (key, value) = entry.map_err(|error| error.to_string())?;
            let (space, key) = key.value();
            take(space, key, value.value()).map_err(|error| error.to_string())?;
            count += 1;
        }
        Ok(count)
    };
    catch_unwind(AssertUnwindSafe(all)).unwrap_or_else(|_| Err(DAMAGED.to_owned()))
}

pub(super) fn remedy(error: &redb::Error) -> String {
    match error {
        redb::Error::Corrupted(text) if text == EMPTY => EMPTY.to_owned(),
        redb::Error::Corrupted(_) => DAMAGED.to_owned(),
        redb::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => DAMAGED.to_owned(),
        redb::Error::DatabaseAlreadyOpen => {
            "another server has it open, or a backup of a stopped one; give each server its own `data` in [server]"
                .to_owned()
        }
        redb::Error::Io(error) if error.kind() == io::ErrorKind::StorageFull => {
            format!("{error}; make room on its disk")
        }
        redb::Error::Io(error) => format!("{error}; correct `data` in [server]"),
        error => error.to_string(),
    }
}

/// Opens the file, or makes it, with the table in it.
pub(super) fn create(path: &Path) -> Result<redb::Database, redb::Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // What guests keep is for no other user of this machine.
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let is_new = match std::fs::metadata(path) {
        // It would become one without values, unseen.
        Ok(found) if found.len() == 0 => return Err(redb::Error::Corrupted(EMPTY.to_owned())),
        found => found.is_err(),
    };
    if !is_new {
        return open_at(path);
    }
    // It has its name when there is something in it: an empty one has lost what it had.
    let unborn = folder.join(UNBORN);
    drop(File::options().append(true).create(true).mode(0o600).open(&unborn)?);
    let database = match open_at(&unborn) {
        Err(redb::Error::DatabaseAlreadyOpen) => return Err(redb::Error::DatabaseAlreadyOpen),
        // What a process has left that was ended here.
        Err(_) => {
            drop(File::options().write(true).truncate(true).open(&unborn)?);
            open_at(&unborn)
        }
        opened => opened,
    };
    let database = database.inspect_err(|_| drop(std::fs::remove_file(&unborn)))?;
    std::fs::rename(&unborn, path)?;
    // Else the file could be gone after a power failure, with all that was acknowledged.
    sync(folder)?;
    Ok(database)
}

fn open_at(path: &Path) -> Result<redb::Database, redb::Error> {
    let database = Builder::new().set_cache_size(CACHE_BYTES).create(path)?;
    let transaction = database.begin_write()?;
    transaction.open_table(VALUES)?;
    transaction.commit()?;
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

    /// Makes `changes`, unless with them the space comes to more than `most_bytes` and than
    /// before.
    pub(super) fn change(
        &mut self,
        space: &Space,
        changes: &[Change],
        most_bytes: u64,
    ) -> Result<Result<(), Error>, StorageError> {
        let before = self.bytes(space)?;
        // What a key is to have at the end is what takes room.
        let last: HashMap<&str, &Option<Bytes>> =
            changes.iter().map(|(key, value)| (&**key, value)).collect();
        let (mut freed, mut taken) = (0, 0);
        for (key, value) in &last {
            freed += self.get(space, key)?.map_or(0, |value| cost(key, &value));
            taken += value.as_ref().map_or(0, |value| cost(key, value));
        }
        let after = before.saturating_sub(freed).saturating_add(taken);
        if after > most_bytes && taken > freed {
            return Ok(Err(Error::other(format!(
                "the bucket is full: it holds {most_bytes} bytes (bucket_bytes)"
            ))));
        }
        for (key, value) in last {
            self.changed |= match value {
                Some(value) => {
                    self.table.insert((space.as_str(), key), &**value)?;
                    true
                }
                None => self.table.remove((space.as_str(), key))?.is_some(),
            };
        }
        self.bytes.insert(space.as_str(), after)?;
        Ok(Ok(()))
    }

    fn bytes(&self, space: &Space) -> Result<u64, StorageError> {
        if let Some(bytes) = self.bytes.get(space.as_str())? {
            return Ok(bytes.value());
        }
        let mut sum = 0;
        for entry in self.table.range((space.as_str(), "")..)? {
            let (key, value) = entry?;
            let (of, key) = key.value();
            if of != space.as_str() {
                break;
            }
            sum += cost(key, value.value());
        }
        Ok(sum)
    }
}
