//! `patchboard restore`: a backup, put into a data folder that has nothing yet.
//!
//! Everything is copied into a folder within it, held against the list on the way, and moved
//! to its place only when all of it is there. What ends it before leaves nothing; where the
//! process or the machine ends, no server starts with what is there until it is done again.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, chown};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::cannot;
use super::copy::copy;
use super::hold::{Hold, unfinished};
use super::manifest::{Entry, FILES, Item, Reader};
use crate::problem::Problem;

/// What may be in a folder that has nothing yet: the socket of a server that was killed, and
/// what file systems have.
const NOTHING: [&str; 2] = ["key-value.sock", "lost+found"];

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    /// How many files.
    pub files: u64,
    /// What they come to.
    pub bytes: u64,
    /// When the backup was made.
    pub made: String,
}

/// What is copied so far, which is removed unless it has its place.
struct Stage {
    path: PathBuf,
    /// Whose the data folder is, where that is not who restores.
    owner: Option<(u32, u32)>,
}

/// A data folder that was made, and is removed while it is empty.
struct Folder<'a>(&'a Path);

/// Puts the backup in the folder `from` into the folder `data`.
///
/// # Errors
///
/// Why it cannot be; then `data` is as it was.
pub fn restore(from: &Path, data: &Path) -> Result<Restored, Problem> {
    let wrong = |wrong: String| Problem::new(format!("the backup {}", from.display()), wrong);
    let mut list = Reader::open(from).map_err(wrong)?;
    let _folder = (!data.exists()).then(|| Folder(data));
    let made = DirBuilder::new().recursive(true).mode(0o700).create(data);
    made.map_err(|error| cannot("make", data, &error))?;
    let _hold = Hold::alone(data)?;
    let stage = unfinished(data);
    let found = others(data).map_err(|error| cannot("read", data, &error))?;
    if let Some(other) = found.first() {
        let wrong = match stage.exists() {
            false => format!("the data folder {} is not empty: it has {other}", data.display()),
            true => format!("an earlier restore into the data folder {} was not finished", data.display()),
        };
        return Err(Problem::new("", wrong).remedy("move what is in it away, and run this again"));
    }
    if stage.exists() {
        fs::remove_dir_all(&stage).map_err(|error| cannot("remove", &stage, &error))?;
    }
    DirBuilder::new().mode(0o700).create(&stage).map_err(|error| cannot("write", &stage, &error))?;
    let stage = Stage { path: stage, owner: owner(data) };
    while let Some(item) = list.next().map_err(wrong)? {
        match item {
            Item::Folder(path) => stage.folder(&stage.path.join(path))?,
            Item::File(entry) => stage.file(from, &entry)?.map_err(wrong)?,
        }
    }
    stage.finish(data)?;
    let sum = list.sum();
    Ok(Restored { files: sum.files, bytes: sum.total_bytes, made: list.made.clone() })
}

fn owner(data: &Path) -> Option<(u32, u32)> {
    let metadata = fs::metadata(data).ok()?;
    (metadata.uid() != rustix::process::geteuid().as_raw()).then_some((metadata.uid(), metadata.gid()))
}

/// What is in `data` beside what may be.
fn others(data: &Path) -> io::Result<Vec<String>> {
    let names = fs::read_dir(data)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names: io::Result<Vec<String>> = names.collect();
    let is_other = |name: &String| !NOTHING.contains(&name.as_str()) && !name.starts_with(super::RESERVED);
    Ok(names?.into_iter().filter(is_other).collect())
}

impl Stage {
    fn folder(&self, path: &Path) -> Result<(), Problem> {
        if path.is_dir() {
            return Ok(());
        }
        self.folder(path.parent().unwrap_or(&self.path))?;
        let made = DirBuilder::new().mode(0o700).create(path).and_then(|()| self.give(path));
        made.map_err(|error| cannot("write", path, &error))
    }

    /// Lets the server have what root restores.
    fn give(&self, path: &Path) -> io::Result<()> {
        let Some((user, group)) = self.owner else { return Ok(()) };
        chown(path, Some(user), Some(group))
    }

    /// Copies a file; gives what is wrong with it.
    fn file(&self, from: &Path, entry: &Entry) -> Result<Result<(), String>, Problem> {
        let (path, to) = (from.join(FILES).join(&entry.file), self.path.join(&entry.file));
        self.folder(to.parent().unwrap_or(&self.path))?;
        // Neither a link nor a pipe is of the backup.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let opened = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(&path);
        let mut file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Err(format!("it is not whole: {} is missing", entry.file)));
            }
            Err(error) => return Err(cannot("read", &path, &error)),
        };
        let metadata = file.metadata().map_err(|error| cannot("read", &path, &error))?;
        if !metadata.is_file() {
            return Ok(Err(format!("{} is not the file that was backed up", entry.file)));
        }
        let (bytes, sha256) = copy(&mut file, &path, &to)?;
        if (bytes, &sha256) != (entry.bytes, &entry.sha256) {
            return Ok(Err(format!(
                "{} is not as it was backed up: it has changed, or was not copied whole",
                entry.file
            )));
        }
        self.give(&to).map_err(|error| cannot("write", &to, &error))?;
        Ok(Ok(()))
    }

    /// Moves everything to its place; back again where that fails.
    fn finish(&self, data: &Path) -> Result<(), Problem> {
        let failed = |error: io::Error| cannot("write", data, &error);
        let stage = File::open(&self.path).map_err(failed)?;
        rustix::fs::syncfs(&stage).map_err(|error| failed(error.into()))?;
        let names: io::Result<Vec<_>> =
            fs::read_dir(&self.path).map_err(failed)?.map(|entry| Ok(entry?.file_name())).collect();
        let names = names.map_err(failed)?;
        for (index, name) in names.iter().enumerate() {
            if let Err(error) = fs::rename(self.path.join(name), data.join(name)) {
                for name in names.iter().take(index) {
                    fs::rename(data.join(name), self.path.join(name)).ok();
                }
                return Err(failed(error));
            }
        }
        let folder = File::open(data).map_err(failed)?;
        folder.sync_all().map_err(failed)?;
        fs::remove_dir(&self.path).map_err(failed)?;
        folder.sync_all().map_err(failed)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.path).ok();
    }
}

impl Drop for Folder<'_> {
    fn drop(&mut self) {
        fs::remove_dir(self.0).ok();
    }
}
