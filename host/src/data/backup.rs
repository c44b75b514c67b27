//! `patchboard backup`: a copy of the data folder, while a server writes to it or none does.
//!
//! First the file of the key-value buckets and the databases, each as it is at one moment;
//! then all other files, so that an object that a row names is there. An object is put whole,
//! and so it is copied. What was renamed meanwhile could be missed under both of its names:
//! so the folder is gone through until nothing new is found. Unless all of it is there, none
//! is.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use patchboard_sql::Backend;
use rustix::io::Errno;

use super::cannot;
use super::copy::digest;
use super::hold::Hold;
use super::manifest::{End, Entry, FILES, Item, Writer};
use super::tree::{self, LeftOut, Visitor};
use crate::config::Config;
use crate::problem::Problem;
use crate::writable::folder_of;

/// How often the folder is gone through at most.
const PASSES: usize = 8;
/// What SQLite has beside a database.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A backup that was made.
#[derive(Debug)]
pub struct Made {
    /// How many files it has.
    pub files: u64,
    /// What they come to.
    pub bytes: u64,
    /// What is not in it, though somebody may think so.
    pub missing: Vec<Problem>,
}

/// A backup in the making, which is removed unless it is finished.
struct Making<'a> {
    data: &'a Path,
    databases: BTreeSet<String>,
    partial: PathBuf,
    /// Where the files go, within it.
    files: PathBuf,
    manifest: Option<Writer>,
    /// Found since the pass began.
    found: u64,
}

/// Copies the data folder of `config` to a new folder at `to`.
///
/// # Errors
///
/// Why it cannot be copied; then there is no such folder.
pub fn back_up(config: &Config, to: &Path) -> Result<Made, Problem> {
    let data = &config.server.data_dir;
    let absent = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Problem::new(
            "",
            format!("the data folder {} does not exist, so there is nothing to back up", data.display()),
        )
        .remedy("name it in PATCHBOARD_DATA, or correct `data` in [server]"),
        _ => cannot("read", data, &error),
    };
    let data = &data.canonicalize().map_err(absent)?;
    fs::read_dir(data).map_err(|error| cannot("read", data, &error))?;
    let _hold = Hold::share(data)?;
    if fs::symlink_metadata(to).is_ok() {
        return Err(Problem::new("", format!("{} exists already", to.display())).remedy("name a new folder"));
    }
    let around = folder_of(to).canonicalize().map_err(|error| cannot("write to", folder_of(to), &error))?;
    if around.starts_with(data) {
        let wrong = format!("{} lies in the data folder {}", to.display(), data.display());
        return Err(Problem::new("", wrong).remedy("name a folder elsewhere"));
    }
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    DirBuilder::new().mode(0o700).create(&partial).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Problem::new("", format!("{} is there", partial.display()))
            .remedy("remove it, unless a backup is at it"),
        _ => cannot("write", &partial, &error),
    })?;
    let files = partial.join(FILES);
    let mut making = Making { data, databases: BTreeSet::new(), partial, files, manifest: None, found: 0 };
    let begun =
        DirBuilder::new().mode(0o700).create(&making.files).and_then(|()| Writer::create(&making.partial));
    making.manifest = Some(begun.map_err(|error| cannot("write", &making.partial, &error))?);
    making.key_values()?;
    let mut missing = making.find_databases(config);
    making.all_databases()?;
    let left_out = making.files()?;
    if left_out.count > 0 {
        let wrong = format!(
            "{} of what is in {} is no file, such as {}, and left out",
            left_out.count,
            data.display(),
            left_out.example
        );
        missing.push(Problem::new("", wrong));
    }
    let End { files, total_bytes } = making.finish(to)?;
    Ok(Made { files, bytes: total_bytes, missing })
}

impl Making<'_> {
    fn key_values(&mut self) -> Result<(), Problem> {
        let (name, to) = (patchboard_key_value::FILE, self.files.join(patchboard_key_value::FILE));
        match patchboard_key_value::copy_file(self.data, &to).map_err(|wrong| Problem::new("", wrong))? {
            Some(_) => self.add_copy(name),
            None => Ok(()),
        }
    }

    /// Finds the SQLite databases there are, configured or not; gives what is elsewhere.
    fn find_databases(&mut self, config: &Config) -> Vec<Problem> {
        let mut outside = Vec::new();
        let mut note = |what: &str, name: &str, path: &Path| {
            let wrong =
                format!("{what} {name} is outside of the data folder, in {}, and left out", path.display());
            outside.push(Problem::new("", wrong));
        };
        for (name, database) in &config.tables.sql {
            let Backend::Sqlite(path) = &database.backend else { continue };
            let Ok(found) = path.canonicalize() else { continue };
            match found.strip_prefix(self.data).map(Path::to_str) {
                Ok(Some(path)) => drop(self.databases.insert(path.to_owned())),
                _ => note("database", name, path),
            }
        }
        for folder in config.tables.blob.values() {
            let Ok(found) = folder.dir.canonicalize() else { continue };
            if !found.starts_with(self.data) {
                note("blob folder", &folder.name, &folder.dir);
            }
        }
        let others = fs::read_dir(self.data.join("sql")).into_iter().flatten().flatten();
        for other in others.filter(|other| other.file_type().is_ok_and(|kind| kind.is_file())) {
            let name = other.file_name().to_str().map(|name| format!("sql/{name}"));
            self.databases.extend(name.filter(|name| name.ends_with(".sqlite")));
        }
        outside
    }

    fn all_databases(&mut self) -> Result<(), Problem> {
        for path in self.databases.clone() {
            let to = self.files.join(&path);
            let folder = folder_of(&to);
            fs::create_dir_all(folder).map_err(|error| cannot("write", folder, &error))?;
            let copied = patchboard_sql::copy_sqlite(&self.data.join(&path), &to);
            copied.map_err(|wrong| Problem::new("", wrong))?;
            self.add_copy(&path)?;
        }
        Ok(())
    }

    /// Enters a file that is in the backup.
    fn add_copy(&mut self, path: &str) -> Result<(), Problem> {
        let copy = self.files.join(path);
        let mut file = File::open(&copy).map_err(|error| cannot("read", &copy, &error))?;
        let (bytes, sha256) =
            digest(&mut file, |_| Ok(())).map_err(|error| cannot("read", &copy, &error))??;
        self.add(Item::File(Entry { file: path.to_owned(), bytes, sha256 }))
    }

    fn add(&mut self, item: Item) -> Result<(), Problem> {
        self.found += 1;
        let Some(manifest) = &mut self.manifest else { return Ok(()) };
        manifest.add(item).map_err(|error| cannot("write", &self.partial, &error))
    }

    fn files(&mut self) -> Result<LeftOut, Problem> {
        let mut left_out = LeftOut::default();
        for _ in 0..PASSES {
            self.found = 0;
            left_out = tree::visit(self.data, self)?;
            if self.found == 0 {
                break;
            }
        }
        Ok(left_out)
    }

    fn finish(mut self, to: &Path) -> Result<End, Problem> {
        let failed = |error: io::Error| cannot("write", to, &error);
        let Some(manifest) = self.manifest.take() else { return Ok(End::default()) };
        let end = manifest.finish().map_err(failed)?;
        let synced = File::open(&self.partial).and_then(|folder| Ok(rustix::fs::syncfs(folder)?));
        synced.and_then(|()| fs::rename(&self.partial, to)).map_err(failed)?;
        File::open(folder_of(to)).and_then(|around| around.sync_all()).map_err(failed)?;
        Ok(end)
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        // It is not there where it has its name.
        fs::remove_dir_all(&self.partial).ok();
    }
}

impl Visitor for Making<'_> {
    type Error = Problem;

    fn folder(&mut self, path: &str) -> Result<(), Problem> {
        let copy = self.files.join(path);
        match DirBuilder::new().mode(0o700).create(&copy) {
            // Those of databases are there, but not entered.
            Ok(()) => self.add(Item::Folder(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(cannot("write", &copy, &error)),
        }
    }

    fn file(&mut self, folder: BorrowedFd<'_>, name: &CStr, path: &str) -> Result<(), Problem> {
        let copy = self.files.join(path);
        let is_companion = |end: &str| path.strip_suffix(end).is_some_and(|of| self.databases.contains(of));
        if copy.exists() || COMPANIONS.into_iter().any(is_companion) {
            return Ok(());
        }
        let Some(file) = tree::open(folder, name).map_err(|error| self.failed(path, error))? else {
            return Ok(());
        };
        let mut file = File::from(file);
        let (bytes, sha256) = super::copy::copy(&mut file, &self.data.join(path), &copy)?;
        self.add(Item::File(Entry { file: path.to_owned(), bytes, sha256 }))
    }

    fn failed(&mut self, path: &str, error: Errno) -> Problem {
        cannot("read", &self.data.join(path), &error.into())
    }
}
