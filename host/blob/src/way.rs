//! The way from a folder to the place of a name, one plain name at a time.
//!
//! Each step opens one segment relative to the folder before it and follows no link, so
//! there is never a path for the kernel to be led astray on, and whatever is in the folder,
//! nothing beside it is reached. (`openat2` would do the same in one call, where there is
//! one; the walk is the same everywhere, and a name has few segments.)

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::{Error, ObjectName};

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The folders on the way, opened, outermost first.
pub(crate) struct Way<'a> {
    root: BorrowedFd<'a>,
    folders: Vec<OwnedFd>,
    /// How many of them were made for it.
    made: usize,
}

impl<'a> Way<'a> {
    /// The way to `name`; an error where there is none.
    pub(crate) fn find(root: BorrowedFd<'a>, name: &ObjectName) -> Result<Self, Error> {
        let mut way = Self { root, folders: Vec::new(), made: 0 };
        for segment in name.split().0 {
            match open_folder(way.end(), segment) {
                Ok(folder) => way.folders.push(folder),
                // What is no folder, as a link is not, leads to no object.
                Err(Errno::NOTDIR | Errno::LOOP) => return Err(Error::NotFound),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(way)
    }

    /// The way to `name`, made where there is none.
    pub(crate) fn make(root: BorrowedFd<'a>, name: &ObjectName) -> Result<Self, Error> {
        let mut way = Self { root, folders: Vec::new(), made: 0 };
        for segment in name.split().0 {
            let folder = match open_folder(way.end(), segment) {
                Err(Errno::NOENT) => {
                    rustix::fs::mkdirat(way.end(), segment, Mode::from_raw_mode(0o777))?;
                    way.made += 1;
                    open_folder(way.end(), segment)
                }
                found => found,
            };
            match folder {
                Ok(folder) => way.folders.push(folder),
                Err(Errno::NOTDIR | Errno::LOOP) => {
                    return Err(Error::Invalid(format!(
                        "`{segment}` is an object, or no folder of this one"
                    )));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(way)
    }

    /// The folder that the name is in.
    pub(crate) fn end(&self) -> BorrowedFd<'_> {
        self.folders.last().map_or(self.root, |folder| folder.as_fd())
    }

    /// Makes what happened at the end of the way durable, and the way itself.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        let all = [self.root].into_iter().chain(self.folders.iter().map(AsFd::as_fd));
        let known = self.folders.len() - self.made;
        Ok(all.skip(known).try_for_each(rustix::fs::fsync)?)
    }

    /// Removes those folders of the way to `name` that are empty; the last that is left
    /// knows of what has gone.
    pub(crate) fn prune(mut self, name: &ObjectName) -> Result<(), Error> {
        for segment in name.split().0.rev() {
            let Some(folder) = self.folders.pop() else { break };
            if rustix::fs::unlinkat(self.end(), segment, rustix::fs::AtFlags::REMOVEDIR).is_err() {
                self.folders.push(folder);
                break;
            }
        }
        Ok(rustix::fs::fsync(self.end())?)
    }
}

/// Opens the folder `name` in `at`, if it is one itself.
pub(crate) fn open_folder(at: BorrowedFd<'_>, name: impl rustix::path::Arg + Copy) -> Result<OwnedFd, Errno> {
    retry_on_intr(|| rustix::fs::openat(at, name, FOLDER, Mode::empty()))
}
