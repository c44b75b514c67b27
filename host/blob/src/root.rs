//! An open folder: its objects are found, replaced and removed here, and counted.
//!
//! All of it waits for the disk, so it is called on blocking threads only. What changes
//! names holds the usage, so that counts are right and no folder is removed that another
//! change is about to use.

use std::fs::{DirBuilder, File};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, flock};
use rustix::io::{Errno, retry_on_intr};

use crate::list::{self, Page, visit};
use crate::name::RESERVED;
use crate::usage::Usage;
use crate::way::Way;
use crate::{Error, Metadata, ObjectName};

/// `O_NONBLOCK`: opening a FIFO must not wait for its writer.
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// An open folder.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) dir: OwnedFd,
    usage: Mutex<Usage>,
}

impl Root {
    /// Opens `dir`, which is made where it is not there; removes what earlier puts have
    /// left, and counts what there is.
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        let unavailable = |error: std::io::Error| {
            Error::Unavailable(format!("its folder {} cannot be opened: {error}", dir.display()))
        };
        // What guests keep is for no other user of this machine.
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(unavailable)?;
        let dir = File::open(dir).map_err(unavailable)?.into();
        let root = Self { dir, usage: Mutex::default() };
        root.clean()?;
        let mut usage = Usage::default();
        visit(root.dir.as_fd(), &mut String::new(), &|_| true, &mut |at, file, _| {
            let stat = rustix::fs::statat(at, file, AtFlags::SYMLINK_NOFOLLOW)?;
            usage.bytes += Metadata::of(&stat).map_or(0, |metadata| metadata.size);
            usage.objects += 1;
            Ok(())
        })?;
        *root.usage() = usage;
        Ok(root)
    }

    /// Removes the files of puts that have ended with their process. A file that is being
    /// written is locked by who writes it.
    fn clean(&self) -> Result<(), Error> {
        for entry in rustix::fs::Dir::read_from(&self.dir)? {
            let entry = entry?;
            if !entry.file_name().to_bytes().starts_with(RESERVED.as_bytes()) {
                continue;
            }
            let Ok(file) = rustix::fs::openat(&self.dir, entry.file_name(), READ, Mode::empty()) else {
                continue;
            };
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
                rustix::fs::unlinkat(&self.dir, entry.file_name(), AtFlags::empty())?;
            }
        }
        Ok(())
    }

    pub(crate) fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens an object to be read. Whoever has it open has it whole, whatever is put
    /// meanwhile.
    pub(crate) fn read(&self, name: &ObjectName) -> Result<(File, Metadata), Error> {
        let way = Way::find(self.dir.as_fd(), name)?;
        let opened = retry_on_intr(|| rustix::fs::openat(way.end(), name.split().1, READ, Mode::empty()));
        let file = match opened {
            Ok(file) => File::from(file),
            // A link; a socket.
            Err(Errno::LOOP | Errno::NXIO) => return Err(Error::NotFound),
            Err(error) => return Err(error.into()),
        };
        let metadata = Metadata::of(&rustix::fs::fstat(&file)?).ok_or(Error::NotFound)?;
        Ok((file, metadata))
    }

    pub(crate) fn head(&self, name: &ObjectName) -> Result<Metadata, Error> {
        self.stat(&Way::find(self.dir.as_fd(), name)?, name)
    }

    fn stat(&self, way: &Way<'_>, name: &ObjectName) -> Result<Metadata, Error> {
        let stat = rustix::fs::statat(way.end(), name.split().1, AtFlags::SYMLINK_NOFOLLOW)?;
        Metadata::of(&stat).ok_or(Error::NotFound)
    }

    /// A page of the objects whose names begin with `prefix`, after the name `after`.
    pub(crate) fn list(&self, prefix: &str, after: Option<&str>, count: usize) -> Result<Page, Error> {
        list::page(self.dir.as_fd(), prefix, after, count)
    }

    /// Gives the file `written` of the folder the name `to`, in place of what had it.
    /// `done` is set when it has it, durable or not.
    pub(crate) fn put(&self, written: &str, to: &ObjectName, done: &mut bool) -> Result<(), Error> {
        let mut usage = self.usage();
        let way = Way::make(self.dir.as_fd(), to)?;
        let renamed = self
            .replace(&mut usage, &way, to, |end, last| rustix::fs::renameat(&self.dir, written, end, last));
        if let Err(error) = renamed {
            way.prune(to).ok();
            return Err(error);
        }
        *done = true;
        drop(usage);
        way.sync()
    }

    /// Gives the object `from` the name `to`, in place of what had it.
    pub(crate) fn rename(&self, from: &ObjectName, to: &ObjectName) -> Result<(), Error> {
        let mut usage = self.usage();
        let way_from = Way::find(self.dir.as_fd(), from)?;
        self.stat(&way_from, from)?;
        if from == to {
            return Ok(());
        }
        let way = Way::make(self.dir.as_fd(), to)?;
        self.replace(&mut usage, &way, to, |end, last| {
            rustix::fs::renameat(way_from.end(), from.split().1, end, last)
        })?;
        way.sync()?;
        way_from.prune(from)
    }

    /// Has `rename` give something the name `to`, and no longer counts what had it.
    fn replace(
        &self,
        usage: &mut Usage,
        way: &Way<'_>,
        to: &ObjectName,
        rename: impl FnOnce(BorrowedFd<'_>, &str) -> Result<(), Errno>,
    ) -> Result<(), Error> {
        let replaced = self.stat(way, to).ok();
        rename(way.end(), to.split().1).map_err(|error| match error {
            Errno::ISDIR | Errno::NOTEMPTY | Errno::EXIST => {
                Error::Invalid(format!("there are objects whose names begin with `{}/`", to.as_str()))
            }
            error => error.into(),
        })?;
        if let Some(replaced) = replaced {
            usage.remove(replaced.size);
        }
        Ok(())
    }

    /// Removes an object; whether there was one.
    pub(crate) fn delete(&self, name: &ObjectName) -> Result<bool, Error> {
        let mut usage = self.usage();
        let found = Way::find(self.dir.as_fd(), name).and_then(|way| Ok((self.stat(&way, name)?, way)));
        let (metadata, way) = match found {
            Ok(found) => found,
            Err(Error::NotFound) => return Ok(false),
            Err(error) => return Err(error),
        };
        rustix::fs::unlinkat(way.end(), name.split().1, AtFlags::empty())?;
        usage.remove(metadata.size);
        way.prune(name)?;
        Ok(true)
    }

    /// When it was made; where the file system does not know it, changed.
    pub(crate) fn created(&self) -> Result<SystemTime, Error> {
        let metadata = File::from(self.dir.try_clone()?).metadata()?;
        Ok(metadata.created().or_else(|_| metadata.modified())?)
    }
}
