//! The files that handlers are made of, and which of them have changed.
//!
//! Events only say that it is time to look, and where there are none, as on network drives, it is looked
//! all the same: what has changed is found by comparing what is there. Whatever is built, hidden, or
//! an editor's own is not looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::deploy::FileStamp;

/// Files that are looked at.
const MOST_FILES: usize = 20_000;
/// After so many builds for nothing a file is taken for no source.
const IDLE: u32 = 3;
/// Folders that are.
const MOST_FOLDERS: usize = 4_000;

/// Them.
pub(super) struct Sources {
    roots: Vec<PathBuf>,
    /// Folders that are not looked into.
    others: Vec<PathBuf>,
    seen: BTreeMap<PathBuf, FileStamp>,
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    /// Files after whose change nothing else was built than before, how often in a row.
    idle: BTreeMap<PathBuf, u32>,
    has_said: bool,
}

/// What is there at one moment.
#[derive(Default)]
struct Found {
    files: BTreeMap<PathBuf, FileStamp>,
    folders: BTreeSet<PathBuf>,
    is_too_much: bool,
}

impl Sources {
    /// Of the folders `roots`, but for what is in `others`; `wake` is called when something happens there.
    pub(super) fn new(roots: Vec<PathBuf>, others: &[&Path], wake: impl Fn() + Send + 'static) -> Self {
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.map_or(true, |event| matters(&event)) {
                wake();
            }
        });
        let watcher = watcher
            .map_err(|error| tracing::warn!(%error, "no file events; sources are looked at every second"))
            .ok();
        let whole = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
        let others = others.iter().map(|path| whole(&path.to_path_buf())).collect();
        let roots = roots.iter().map(whole).collect();
        let mut sources = Self {
            roots,
            others,
            seen: BTreeMap::new(),
            watcher,
            watched: BTreeSet::new(),
            idle: BTreeMap::new(),
            has_said: false,
        };
        sources.changed();
        sources
    }

    /// Whether events tell when to look.
    pub(super) fn has_events(&self) -> bool {
        self.watcher.is_some()
    }

    /// What has changed, come or gone since the last time.
    pub(super) fn changed(&mut self) -> BTreeSet<PathBuf> {
        let mut found = Found::default();
        for root in &self.roots {
            self.look(root, &mut found);
        }
        if found.is_too_much && !std::mem::replace(&mut self.has_said, true) {
            tracing::warn!(
                "there are more than {MOST_FILES} files or {MOST_FOLDERS} folders here; the rest is not looked at"
            );
        }
        self.watch(found.folders);
        let before = std::mem::replace(&mut self.seen, found.files);
        let is_other = |path: &&PathBuf| before.get(*path) != self.seen.get(*path);
        let is_source = |path: &&PathBuf| self.idle.get(*path).is_none_or(|times| *times < IDLE);
        before.keys().chain(self.seen.keys()).filter(is_other).filter(is_source).cloned().collect()
    }

    /// Whether, after these had changed, something else was built than before. What changes again and
    /// again for nothing, such as a log of the server's own, is no source.
    pub(super) fn learn(&mut self, changed: BTreeSet<PathBuf>, is_else: bool) {
        for path in changed {
            let is_code = path.extension().is_some_and(|extension| extension == "rs" || extension == "toml");
            if is_else || is_code {
                self.idle.remove(&path);
            } else if self.idle.len() < MOST_FILES {
                *self.idle.entry(path).or_default() += 1;
            }
        }
    }

    fn look(&self, root: &Path, found: &mut Found) {
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            if found.folders.len() == MOST_FOLDERS {
                found.is_too_much = true;
                return;
            }
            // What is made there can be made again, says its tool, as cargo does of its `target`.
            if folder.join("CACHEDIR.TAG").exists() {
                continue;
            }
            // One that has just gone is none.
            let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
            found.folders.insert(folder);
            for entry in entries {
                let (path, name) = (entry.path(), entry.file_name());
                if is_ignored(&name.to_string_lossy()) {
                    continue;
                }
                // Links to files are followed, links to folders, which may lead in a circle, are not.
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => {
                        if !self.others.contains(&path) {
                            folders.push(path);
                        }
                    }
                    Ok(_) if found.files.len() == MOST_FILES => found.is_too_much = true,
                    Ok(_) => found.files.extend(FileStamp::of(&path).map(|stamp| (path, stamp))),
                    Err(_) => {}
                }
            }
        }
    }

    fn watch(&mut self, folders: BTreeSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else { return };
        for gone in self.watched.difference(&folders) {
            // The kernel has forgotten it.
            watcher.unwatch(gone).ok();
        }
        let mut failed = None;
        for new in folders.difference(&self.watched) {
            failed = watcher.watch(new, RecursiveMode::NonRecursive).err().or(failed);
        }
        self.watched = folders;
        if let Some(error) = failed {
            tracing::warn!(%error, "no file events of some folders; sources are looked at every second");
            self.watcher = None;
        }
    }
}

/// Not reading.
fn matters(event: &notify::Event) -> bool {
    let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
    let is_ignored =
        |path: &PathBuf| path.file_name().is_some_and(|name| is_ignored(&name.to_string_lossy()));
    (!event.kind.is_access() || event.kind == written)
        && (event.need_rescan() || !event.paths.iter().all(is_ignored))
}

/// What is built, hidden, or what editors have beside a file for a moment.
fn is_ignored(name: &str) -> bool {
    name.starts_with(['.', '#'])
        || name.ends_with(['~', '#'])
        || name == "4913"
        || ["target", "node_modules", "__pycache__"].contains(&name)
        || [".tmp", ".swp", ".swx", ".bak", ".orig", ".log"].iter().any(|end| name.ends_with(end))
        || name.contains("___jb_")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_has_changed_is_found_and_what_is_no_source_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let write = |file: &str, text: &str| {
            fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            fs::write(root.join(file), text).unwrap();
        };
        write("src/lib.rs", "1");
        write("handlers/a.wasm", "1");
        let (sender, woken) = channel();
        let mut sources =
            Sources::new(vec![root.clone()], &[&root.join("handlers")], move || sender.send(()).unwrap());
        let changed = |sources: &mut Sources| -> Vec<String> {
            let changed = sources.changed();
            changed.iter().map(|path| path.strip_prefix(&root).unwrap().display().to_string()).collect()
        };
        assert!(sources.has_events());
        assert_eq!(changed(&mut sources), [""; 0]);
        for file in [
            "handlers/a.wasm",
            "built/CACHEDIR.TAG",
            "built/x",
            "target/x",
            ".git/x",
            "src/.lib.rs.swp",
            "src/lib.rs~",
            "src/4913",
        ] {
            write(file, "2");
        }
        assert_eq!(changed(&mut sources), [""; 0]);
        write("src/lib.rs", "22");
        write("src/new/mod.rs", "2");
        woken.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!(changed(&mut sources), ["src/lib.rs", "src/new/mod.rs"]);
        // As most editors save: beside it, and then in its place.
        while woken.try_recv().is_ok() {}
        write("src/new/mod.rs.tmp", "3");
        fs::rename(root.join("src/new/mod.rs.tmp"), root.join("src/new/mod.rs")).unwrap();
        woken.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!(changed(&mut sources), ["src/new/mod.rs"]);
        for number in 0..IDLE as usize {
            write("counter", &"x".repeat(number));
            let changed = sources.changed();
            assert_eq!(changed.len(), 1);
            sources.learn(changed, false);
        }
        write("counter", "changed");
        fs::remove_dir_all(root.join("src/new")).unwrap();
        assert_eq!(changed(&mut sources), ["src/new/mod.rs"]);
    }
}
