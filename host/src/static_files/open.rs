//! Step 3: opens a checked path beneath the mount's root, and says from the
//! open descriptor what it is, so that nothing can change between check and use.
//!
//! Linux refuses symbolic links and ways out of the root in the kernel, in one
//! `openat2`. Elsewhere, on kernels before 5.6 and under seccomp filters that do
//! not know the call, the path is walked component by component instead.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::error::ServeError;
use super::path::FilePath;

/// `O_NONBLOCK`: opening a FIFO must not wait for its writer.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// A folder that is only a place to look up names from.
#[cfg(any(target_os = "linux", target_os = "android"))]
const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// The mount's folder: its canonical path and an open descriptor.
#[derive(Debug)]
pub(super) struct Root {
    folder: OwnedFd,
    canonical: PathBuf,
    resolver: Resolver,
}

/// How names are looked up; found out once, at start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Resolver {
    #[cfg(target_os = "linux")]
    Kernel,
    Walk,
}

/// What a path turned out to be. Whatever else there is, is not found.
#[derive(Debug)]
pub(super) enum Opened {
    File(RegularFile),
    Directory(OwnedFd),
}

/// An open regular file with the metadata of that very descriptor.
#[derive(Debug)]
pub(super) struct RegularFile {
    pub(super) file: File,
    pub(super) metadata: Metadata,
}

impl Root {
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let canonical = dir.canonicalize()?;
        let folder = retry_on_intr(|| rustix::fs::open(&canonical, FOLDER, Mode::empty()))?;
        let resolver = Resolver::probe(&folder);
        Ok(Self { folder, canonical, resolver })
    }

    pub(super) fn canonical(&self) -> &Path {
        &self.canonical
    }

    #[cfg(test)]
    pub(super) fn with_resolver(self, resolver: Resolver) -> Self {
        Self { resolver, ..self }
    }

    /// Opens what `path` names beneath the root, following no symbolic link.
    pub(super) fn open_beneath(&self, path: &FilePath) -> Result<Opened, ServeError> {
        let file = File::from(match self.resolver {
            #[cfg(target_os = "linux")]
            Resolver::Kernel => open_by_kernel(&self.folder, path)?,
            Resolver::Walk => open_by_walk(&self.folder, path)?,
        });
        let metadata = file.metadata()?;
        if metadata.is_file() {
            Ok(Opened::File(RegularFile { file, metadata }))
        } else if metadata.is_dir() {
            Ok(Opened::Directory(file.into()))
        } else {
            // FIFOs, sockets and devices are not content.
            Err(ServeError::NotFound)
        }
    }
}

impl Resolver {
    /// ENOSYS is an old kernel; an old container runtime's seccomp filter
    /// answers EPERM to calls it does not know.
    #[cfg(target_os = "linux")]
    fn probe(folder: &OwnedFd) -> Self {
        match openat2(folder, c".", FOLDER) {
            Ok(_) => Self::Kernel,
            Err(_) => Self::Walk,
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn probe(_folder: &OwnedFd) -> Self {
        Self::Walk
    }
}

#[cfg(target_os = "linux")]
fn open_by_kernel(root: &OwnedFd, path: &FilePath) -> Result<OwnedFd, Errno> {
    openat2(root, path.as_c_str(), READ)
}

#[cfg(target_os = "linux")]
fn openat2(root: &OwnedFd, path: &std::ffi::CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    use rustix::fs::ResolveFlags;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    retry_on_intr(|| rustix::fs::openat2(root, path, flags, Mode::empty(), resolve))
}

/// Each step opens one plain name relative to the folder before it, so there is
/// never a path for the kernel to be led astray on. A [`FilePath`] has no `..`.
fn open_by_walk(root: &OwnedFd, path: &FilePath) -> Result<OwnedFd, Errno> {
    use std::os::fd::AsFd;
    let step = |from: BorrowedFd<'_>, name: &[u8], flags: OFlags| {
        retry_on_intr(|| rustix::fs::openat(from, name, flags | OFlags::NOFOLLOW, Mode::empty()))
    };
    let (folders, last) = path.split();
    let mut at: Option<OwnedFd> = None;
    for name in folders {
        at = Some(step(at.as_ref().map_or(root.as_fd(), OwnedFd::as_fd), name, FOLDER)?);
    }
    step(at.as_ref().map_or(root.as_fd(), OwnedFd::as_fd), last, READ)
}
