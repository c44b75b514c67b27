//! Whether files and folders may be read and written, found without doing either.

use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::{Access, access};

/// Whether what is in `folder` may be listed and read, as far as the folder has it.
pub(crate) fn may_read_folder(folder: &Path) -> io::Result<()> {
    if !fs::metadata(folder)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    Ok(access(folder, Access::READ_OK | Access::EXEC_OK)?)
}

/// Whether the file at `path` may be written, or made with the folders it needs; changes
/// nothing.
pub(crate) fn may_write(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => Ok(access(path, Access::WRITE_OK)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => may_make_in(folder_of(path)),
        Err(error) => Err(error),
    }
}

/// The folder that a file at `path` is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether files may be made in `folder`, or it may be made itself.
pub(crate) fn may_make_in(folder: &Path) -> io::Result<()> {
    match fs::metadata(folder) {
        Ok(found) if !found.is_dir() => Err(io::ErrorKind::NotADirectory.into()),
        Ok(_) => Ok(access(folder, Access::WRITE_OK | Access::EXEC_OK)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound && folder.parent().is_some() => {
            may_make_in(folder_of(folder))
        }
        Err(error) => Err(error),
    }
}
