//! Lists of objects: in the order of their names' bytes, a page at a time.
//!
//! A page goes through the names that may be on it and keeps the first of them, so it
//! takes the memory of a page whatever the size of the folder, and as long as looking at
//! the names takes. What is no object (a link, a pipe, a name that is none) is not listed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::os::fd::{AsFd as _, BorrowedFd};

use rustix::fs::{AtFlags, Dir, FileType};
use rustix::io::Errno;

use crate::way::open_folder;
use crate::{Error, Metadata, ObjectName};

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Objects by name, in the order of the names' bytes.
    pub objects: Vec<(String, Metadata)>,
    /// Whether there are others after them.
    pub more: bool,
}

/// What is done with each object: the folder it is in, its name there, and its name.
type Found<'f> = dyn FnMut(BorrowedFd<'_>, &CStr, &str) -> Result<(), Errno> + 'f;

/// Goes through all objects, and into all folders `enter`, of which it is told with their
/// slash at the end.
pub(crate) fn visit(
    at: BorrowedFd<'_>,
    path: &mut String,
    enter: &dyn Fn(&str) -> bool,
    found: &mut Found<'_>,
) -> Result<(), Errno> {
    let length = path.len();
    for entry in Dir::read_from(at)? {
        let entry = entry?;
        let name = entry.file_name();
        let Ok(segment) = name.to_str() else { continue };
        path.truncate(length);
        path.push_str(segment);
        // Which also leaves out `.` and `..`, and bounds the depth.
        if ObjectName::parse(path.as_str()).is_err() {
            continue;
        }
        match kind(at, name, entry.file_type()) {
            Ok(FileType::RegularFile) => match found(at, name, path) {
                // Removed meanwhile.
                Err(Errno::NOENT) => {}
                outcome => outcome?,
            },
            Ok(FileType::Directory) => {
                path.push('/');
                if enter(path) {
                    match open_folder(at, name) {
                        Ok(folder) => visit(folder.as_fd(), path, enter, found)?,
                        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            Ok(_) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error),
        }
    }
    path.truncate(length);
    Ok(())
}

/// Not every file system says it with the name.
fn kind(at: BorrowedFd<'_>, name: &CStr, told: FileType) -> Result<FileType, Errno> {
    if told != FileType::Unknown {
        return Ok(told);
    }
    let stat = rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(FileType::from_raw_mode(stat.st_mode))
}

/// The objects whose names begin with `prefix`, after the name `after`: the first `count`.
pub(crate) fn page(
    at: BorrowedFd<'_>,
    prefix: &str,
    after: Option<&str>,
    count: usize,
) -> Result<Page, Error> {
    let first = RefCell::new(BTreeMap::new());
    // Whether it would be on the page, as far as is known by now.
    let fits = |name: &str| {
        let first = first.borrow();
        let last = first.last_key_value().filter(|_| first.len() > count);
        last.is_none_or(|(last, _): (&String, &Metadata)| name < last.as_str())
    };
    let enter = |folder: &str| {
        let leads_to_prefix = folder.starts_with(prefix) || prefix.starts_with(folder);
        // All names in it begin with its own, and so are before or after another together.
        let is_passed = after.is_some_and(|after| folder < after && !after.starts_with(folder));
        leads_to_prefix && !is_passed && fits(folder)
    };
    visit(at, &mut String::new(), &enter, &mut |at, file, name| {
        let is_asked_for = name.starts_with(prefix) && after.is_none_or(|after| name > after);
        if is_asked_for && fits(name) {
            let stat = rustix::fs::statat(at, file, AtFlags::SYMLINK_NOFOLLOW)?;
            let mut first = first.borrow_mut();
            first.extend(Metadata::of(&stat).map(|metadata| (name.to_owned(), metadata)));
            // One more than asked for tells that there are others.
            if first.len() > count + 1 {
                first.pop_last();
            }
        }
        Ok(())
    })?;
    let first = first.into_inner();
    let more = first.len() > count;
    Ok(Page { objects: first.into_iter().take(count).collect(), more })
}
