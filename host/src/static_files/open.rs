//! Step 2: opens a checked path beneath the mount's root, and says from the
//! open descriptor what it is, so that nothing can change between check and use.
//!
//! Linux refuses symbolic links and ways out of the root in the kernel, in one
//! `openat2`. Elsewhere, on kernels before 5.6 and under seccomp filters that do
//! not know the call, the path is walked component by component instead.
//!
//! With [`Access::Cached`] the look-up cannot wait for a disk or a network: the
//! kernel answers it from the names it holds in memory, or not at all
//! (`RESOLVE_CACHED`, Linux 5.12; io_uring's own first attempt). So it may run on
//! an async thread, and only a cold name costs the way to a blocking one.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::access::Access;
use super::error::ServeError;
use super::path::FilePath;
use super::state::FileState;

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
    links: Links,
    is_local: bool,
}

/// How names are looked up; found out once, at start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Resolver {
    /// By `openat2`; `cached` where it knows `RESOLVE_CACHED`.
    #[cfg(target_os = "linux")]
    Kernel {
        cached: bool,
    },
    Walk,
}

/// What is done with symbolic links.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Links {
    Refuse,
    /// Followed as long as they stay beneath the root, which takes the kernel:
    /// a [`Resolver::Walk`] refuses them all the same.
    Beneath,
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
    pub(super) fn open(dir: &Path, links: Links) -> io::Result<Self> {
        let canonical = dir.canonicalize()?;
        let folder = retry_on_intr(|| rustix::fs::open(&canonical, FOLDER, Mode::empty()))?;
        let resolver = Resolver::probe(&folder);
        if links == Links::Beneath && resolver == Resolver::Walk {
            tracing::warn!(dir = %canonical.display(), "this system has no openat2: symbolic links are refused");
        }
        let is_local = is_local(&folder);
        Ok(Self { folder, canonical, resolver, links, is_local })
    }

    pub(super) fn canonical(&self) -> &Path {
        &self.canonical
    }

    /// Whether both are the same folder, and not one in the place of the other.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let identity = |root: &Self| rustix::fs::fstat(&root.folder).map(|stat| (stat.st_dev, stat.st_ino));
        self.canonical == other.canonical
            && identity(self).is_ok_and(|own| identity(other).is_ok_and(|other| own == other))
    }

    /// Whether `dir` leads to another folder than this one.
    pub(super) fn has_moved(&self, dir: &Path) -> bool {
        let there = rustix::fs::stat(dir).map(|stat| (stat.st_dev, stat.st_ino));
        let here = rustix::fs::fstat(&self.folder).map(|stat| (stat.st_dev, stat.st_ino));
        there.is_ok_and(|there| here.is_ok_and(|here| here != there))
    }

    pub(super) fn links(&self) -> Links {
        self.links
    }

    #[cfg(test)]
    pub(super) fn with_resolver(self, resolver: Resolver) -> Self {
        Self { resolver, ..self }
    }

    /// Opens what `path` names beneath the root.
    pub(super) fn open_beneath(&self, path: &FilePath, access: Access) -> Result<Opened, ServeError> {
        let file = File::from(self.look_up(path, READ, access)?);
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

    /// The state of what `path` names now. Cheaper than opening it for reading,
    /// and nothing of the file system's own is run that could wait.
    pub(super) fn state(&self, path: &FilePath, access: Access) -> Result<FileState, ServeError> {
        #[cfg(target_os = "linux")]
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        #[cfg(not(target_os = "linux"))]
        let flags = READ;
        Ok(FileState::of_stat(&rustix::fs::fstat(self.look_up(path, flags, access)?)?))
    }

    /// Whether `path` is still in this state, where one system call can tell; `false`
    /// means nothing. [`Self::state`] takes three, a good tenth of what answering a
    /// request costs.
    ///
    /// Only for a name in the root itself, where there is no folder on the way that
    /// might have become a symbolic link; a link in its place has another state. The
    /// call may wait, unlike `RESOLVE_CACHED`, but on a local disk only, and for a
    /// name that the kernel has dropped while its file was hot.
    pub(super) fn surely_holds(&self, path: &FilePath, state: &FileState) -> bool {
        use rustix::fs::{AtFlags, statat};
        let found = (self.is_local && path.is_name())
            .then(|| statat(&self.folder, path.as_c_str(), AtFlags::SYMLINK_NOFOLLOW));
        found.is_some_and(|found| found.is_ok_and(|stat| FileState::of_stat(&stat) == *state))
    }

    fn look_up(&self, path: &FilePath, flags: OFlags, access: Access) -> Result<OwnedFd, ServeError> {
        match (self.resolver, access) {
            #[cfg(target_os = "linux")]
            (Resolver::Kernel { .. }, Access::Blocking) => {
                Ok(openat2(&self.folder, path.as_c_str(), flags, self.links.resolve())?)
            }
            #[cfg(target_os = "linux")]
            (Resolver::Kernel { cached: true }, Access::Cached) => {
                let resolve = self.links.resolve() | rustix::fs::ResolveFlags::CACHED;
                match openat2(&self.folder, path.as_c_str(), flags, resolve) {
                    Err(Errno::AGAIN) => Err(ServeError::WouldBlock),
                    opened => Ok(opened?),
                }
            }
            (_, Access::Cached) => Err(ServeError::WouldBlock),
            (Resolver::Walk, Access::Blocking) => Ok(open_by_walk(&self.folder, path, flags)?),
        }
    }
}

impl Resolver {
    /// ENOSYS is an old kernel; an old container runtime's seccomp filter
    /// answers EPERM to calls it does not know.
    #[cfg(target_os = "linux")]
    fn probe(folder: &OwnedFd) -> Self {
        use rustix::fs::ResolveFlags;
        let works = |more| openat2(folder, c".", FOLDER, Links::Refuse.resolve() | more);
        match works(ResolveFlags::empty()) {
            // EAGAIN is an answer too: the name was not in memory.
            Ok(_) => {
                let cached = works(ResolveFlags::CACHED);
                Self::Kernel { cached: matches!(cached, Ok(_) | Err(Errno::AGAIN)) }
            }
            Err(_) => Self::Walk,
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn probe(_folder: &OwnedFd) -> Self {
        Self::Walk
    }
}

/// Whether looking up a name never waits for a network.
#[cfg(target_os = "linux")]
fn is_local(folder: &OwnedFd) -> bool {
    // From linux/magic.h: btrfs, ext2 to ext4, f2fs, overlay, tmpfs, XFS; and ZFS.
    const LOCAL: [u64; 7] =
        [0x9123_683e, 0xef53, 0xf2f5_2010, 0x794c_7630, 0x0102_1994, 0x5846_5342, 0x2fc1_2fc1];
    // As wide as the system likes; all of these fit into 32 bits.
    #[allow(clippy::cast_lossless, clippy::unnecessary_cast, reason = "not on every system")]
    rustix::fs::fstatfs(folder).is_ok_and(|system| LOCAL.contains(&(system.f_type as u64 & 0xffff_ffff)))
}

#[cfg(not(target_os = "linux"))]
fn is_local(_folder: &OwnedFd) -> bool {
    false
}

#[cfg(target_os = "linux")]
impl Links {
    fn resolve(self) -> rustix::fs::ResolveFlags {
        use rustix::fs::ResolveFlags;
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        match self {
            Self::Refuse => beneath | ResolveFlags::NO_SYMLINKS,
            Self::Beneath => beneath,
        }
    }
}

#[cfg(target_os = "linux")]
fn openat2(
    root: &OwnedFd,
    path: &std::ffi::CStr,
    flags: OFlags,
    resolve: rustix::fs::ResolveFlags,
) -> Result<OwnedFd, Errno> {
    // EAGAIN is also what a rename somewhere on the way gives, and asks to repeat.
    let mut attempts = 0;
    loop {
        let opened = retry_on_intr(|| rustix::fs::openat2(root, path, flags, Mode::empty(), resolve));
        attempts += 1;
        let cached = resolve.contains(rustix::fs::ResolveFlags::CACHED);
        if !matches!(opened, Err(Errno::AGAIN)) || cached || attempts == 8 {
            return opened;
        }
    }
}

/// Each step opens one plain name relative to the folder before it, so there is
/// never a path for the kernel to be led astray on. A [`FilePath`] has no `..`.
fn open_by_walk(root: &OwnedFd, path: &FilePath, flags: OFlags) -> Result<OwnedFd, Errno> {
    use std::os::fd::AsFd;
    let step = |from: BorrowedFd<'_>, name: &[u8], flags: OFlags| {
        retry_on_intr(|| rustix::fs::openat(from, name, flags | OFlags::NOFOLLOW, Mode::empty()))
    };
    let (folders, last) = path.split();
    let mut at: Option<OwnedFd> = None;
    for name in folders {
        at = Some(step(at.as_ref().map_or(root.as_fd(), OwnedFd::as_fd), name, FOLDER)?);
    }
    step(at.as_ref().map_or(root.as_fd(), OwnedFd::as_fd), last, flags)
}
