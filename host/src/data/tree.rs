//! Going through the data folder, in which guests may have written: no link is followed, and
//! what is no file and no folder is left out, and counted.

use std::ffi::CStr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

/// `O_NONBLOCK`: opening a named pipe must not wait for its writer.
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);
/// Folders in each other; what is deeper is left out.
const DEPTH: usize = 64;

/// What is left out.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    pub(super) count: u64,
    /// One of them.
    pub(super) example: String,
}

/// What there is in the folder; `path` is from there.
pub(super) trait Visitor {
    /// What stops it.
    type Error;

    fn folder(&mut self, path: &str) -> Result<(), Self::Error>;

    /// A regular file, that `name` in `folder` is unless something has taken its place.
    fn file(&mut self, folder: BorrowedFd<'_>, name: &CStr, path: &str) -> Result<(), Self::Error>;

    /// A folder cannot be read.
    fn failed(&mut self, path: &str, error: Errno) -> Self::Error;
}

/// Goes through all that is in the folder `root`.
pub(super) fn visit<V: Visitor>(root: &std::path::Path, visitor: &mut V) -> Result<LeftOut, V::Error> {
    let mut left_out = LeftOut::default();
    let folder = rustix::fs::openat(CWD, root, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let folder = folder.map_err(|error| visitor.failed("", error))?;
    beneath(&folder, &mut String::new(), 0, visitor, &mut left_out)?;
    Ok(left_out)
}

fn beneath<V: Visitor>(
    folder: &OwnedFd,
    path: &mut String,
    depth: usize,
    visitor: &mut V,
    left_out: &mut LeftOut,
) -> Result<(), V::Error> {
    let length = path.len();
    let entries = Dir::read_from(folder).map_err(|error| visitor.failed(path, error))?;
    for entry in entries {
        path.truncate(length);
        let entry = entry.map_err(|error| visitor.failed(path, error))?;
        let name = entry.file_name();
        if is_passed(name, depth) {
            continue;
        }
        path.push_str(&name.to_string_lossy());
        // Links too; what is gone by now was removed meanwhile.
        let Ok(Stat { st_mode, .. }) = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) else {
            continue;
        };
        match FileType::from_raw_mode(st_mode) {
            FileType::RegularFile if name.to_str().is_ok() => visitor.file(folder.as_fd(), name, path)?,
            FileType::Directory if name.to_str().is_ok() && depth < DEPTH => {
                match rustix::fs::openat(folder, name, READ | OFlags::DIRECTORY, Mode::empty()) {
                    Ok(inner) => {
                        visitor.folder(path)?;
                        path.push('/');
                        beneath(&inner, path, depth + 1, visitor, left_out)?;
                    }
                    Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                    Err(error) => return Err(visitor.failed(path, error)),
                }
            }
            _ => {
                left_out.count += 1;
                left_out.example.clone_from(path);
            }
        }
    }
    path.truncate(length);
    Ok(())
}

/// What belongs to a process, or to the file system.
fn is_passed(name: &CStr, depth: usize) -> bool {
    let name = name.to_bytes();
    let at_top: [&[u8]; 2] = [b"key-value.sock", b"lost+found"];
    matches!(name, b"." | b"..")
        || name.starts_with(super::RESERVED.as_bytes())
        || depth == 0 && at_top.contains(&name)
}

/// Opens a regular file of `folder`; none where there is none any more.
pub(super) fn open(folder: BorrowedFd<'_>, name: &CStr) -> Result<Option<OwnedFd>, Errno> {
    match rustix::fs::openat(folder, name, READ, Mode::empty()) {
        Ok(file) => {
            let mode = rustix::fs::fstat(&file)?.st_mode;
            Ok((FileType::from_raw_mode(mode) == FileType::RegularFile).then_some(file))
        }
        Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => Ok(None),
        Err(error) => Err(error),
    }
}
