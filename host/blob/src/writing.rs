//! A file that is being written, which is no object until it is complete.
//!
//! It is in the folder itself, under a name that no object can have, and is renamed when
//! all of it is on the disk. Dropped before, it is removed. What is left of it where the
//! process ends is removed when the folder is opened.

use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, Timespec, Timestamps, flock};
use rustix::io::Errno;

use crate::metadata::moment;
use crate::name::RESERVED;
use crate::root::Root;
use crate::{Error, Limits, Metadata, ObjectName};

const WRITE: OFlags = OFlags::RDWR.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::CLOEXEC);

/// A file that is being written.
#[derive(Debug)]
pub(crate) struct Writing {
    root: Arc<Root>,
    limits: Limits,
    file: File,
    name: String,
    size: u64,
    /// It has the name of its object.
    done: bool,
}

impl Writing {
    pub(crate) fn begin(root: Arc<Root>, limits: Limits) -> Result<Self, Error> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        root.usage().add_object(&limits)?;
        let made = loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("{RESERVED}put-{}-{count}", std::process::id());
            match rustix::fs::openat(&root.dir, &name, WRITE, Mode::from_raw_mode(0o666)) {
                // Of another process that had the same id.
                Err(Errno::EXIST) => {}
                made => break made.map(|file| (name, File::from(file))),
            }
        };
        let (name, file) = made.inspect_err(|_| root.usage().remove(0))?;
        let writing = Self { root, limits, file, name, size: 0, done: false };
        flock(&writing.file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(writing)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let length = bytes.len() as u64;
        self.root.usage().add_bytes(self.size, length, &self.limits)?;
        self.size += length;
        Ok(self.file.write_all(bytes)?)
    }

    /// Makes it the object `name`, in place of the one that is there.
    pub(crate) fn finish(mut self, name: &ObjectName) -> Result<Metadata, Error> {
        let now = moment();
        let now = Timespec {
            tv_sec: i64::try_from(now.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: now.subsec_nanos().into(),
        };
        rustix::fs::futimens(&self.file, &Timestamps { last_access: now, last_modification: now })?;
        self.file.sync_all()?;
        self.root.put(&self.name, name, &mut self.done)?;
        Metadata::of(&rustix::fs::fstat(&self.file)?).ok_or(Error::NotFound)
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if !self.done {
            rustix::fs::unlinkat(&self.root.dir, &self.name, AtFlags::empty()).ok();
            self.root.usage().remove(self.size);
        }
    }
}
