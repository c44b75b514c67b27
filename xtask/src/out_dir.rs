//! The folder that components are copied to.
//!
//! A server may be watching it, so a file appears in it whole and only when its
//! content has changed. The list `.guests` in it names what xtask put there:
//! of these, what is no longer built is removed, and nothing else ever is.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The list of what xtask put into the folder.
const LIST: &str = ".guests";

/// An output folder during one run.
pub(crate) struct OutDir {
    path: PathBuf,
    put: Vec<Put>,
}

/// A component in the folder.
struct Put {
    name: String,
    bytes: usize,
    changed: bool,
}

impl OutDir {
    /// Opens the folder, and creates it where it is missing.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        fs::create_dir_all(path).with_context(|| format!("could not create {}", path.display()))?;
        Ok(Self { path: path.to_owned(), put: Vec::new() })
    }

    /// Copies the component `artefact` to `NAME.wasm`.
    pub(crate) fn put(&mut self, name: &str, artefact: &Path) -> Result<()> {
        let component = fs::read(artefact)
            .with_context(|| format!("could not read the component {}", artefact.display()))?;
        let path = self.path.join(format!("{name}.wasm"));
        let changed = fs::read(&path).ok().as_ref() != Some(&component);
        if changed {
            self.replace(&format!("{name}.wasm"), &component)?;
        }
        self.put.push(Put { name: name.to_owned(), bytes: component.len(), changed });
        Ok(())
    }

    /// Removes what an earlier run put here and this one did not, and prints
    /// what there is.
    pub(crate) fn finish(self) -> Result<()> {
        let before = match fs::read_to_string(self.path.join(LIST)) {
            Ok(list) => list,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => {
                let list = self.path.join(LIST);
                return Err(error).with_context(|| format!("could not read {}", list.display()));
            }
        };
        let now: BTreeSet<&str> = self.put.iter().map(|put| put.name.as_str()).collect();
        let list: String = now.iter().map(|name| format!("{name}\n")).collect();
        for name in stale(&before, &now) {
            let path = self.path.join(format!("{name}.wasm"));
            match fs::remove_file(&path) {
                Ok(()) => println!("removed {}, which is no longer built", path.display()),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("could not remove {}", path.display()));
                }
            }
        }
        if list != before {
            self.replace(LIST, list.as_bytes())?;
        }
        self.print();
        Ok(())
    }

    /// Writes a file beside its place first, so that it is never seen half written.
    fn replace(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.path.join(name);
        let beside = self.path.join(format!(".{}.tmp", name.trim_start_matches('.')));
        fs::write(&beside, content)
            .and_then(|()| fs::rename(&beside, &path))
            .with_context(|| format!("could not write {}", path.display()))
    }

    fn print(&self) {
        println!("{}:", self.path.display());
        let width = self.put.iter().map(|put| put.name.len()).max().unwrap_or_default();
        for Put { name, bytes, changed } in &self.put {
            let kib = bytes.div_ceil(1024);
            let mark = if *changed { "  changed" } else { "" };
            println!("  {name:width$} {kib:>6} KiB{mark}");
        }
    }
}

/// The names of the old list that are not among the new ones. A name that is not
/// a plain file name is ignored: nothing outside the folder may be removed.
fn stale<'a>(list: &'a str, now: &BTreeSet<&str>) -> Vec<&'a str> {
    list.lines()
        .filter(|name| !name.is_empty() && !name.contains(['/', '\\']) && !now.contains(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_names_that_are_gone_are_stale() {
        let now = BTreeSet::from(["demo1", "hello"]);
        for (list, expected) in [
            ("", vec![]),
            ("demo1\nhello\n", vec![]),
            ("clock\ndemo1\nold-demo\n", vec!["clock", "old-demo"]),
            ("../host\n/etc/passwd\n\nclock", vec!["clock"]),
        ] {
            assert_eq!(stale(list, &now), expected, "{list:?}");
        }
    }

    #[test]
    fn a_run_replaces_what_changed_and_removes_only_its_own() -> Result<()> {
        let temp = std::env::temp_dir().join(format!("xtask-out-dir-{}", std::process::id()));
        let built = temp.join("built.wasm");
        let out = temp.join("out");
        fs::create_dir_all(&out)?;
        fs::write(out.join("mine.wasm"), "the operator's")?;
        fs::write(&built, "one")?;

        let mut first = OutDir::open(&out)?;
        first.put("hello", &built)?;
        first.put("old", &built)?;
        assert!(first.put.iter().all(|put| put.changed));
        first.finish()?;

        let mut second = OutDir::open(&out)?;
        second.put("hello", &built)?;
        assert!(second.put.iter().all(|put| !put.changed));
        second.finish()?;

        let mut left: Vec<_> = fs::read_dir(&out)?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<Result<_, _>>()?;
        left.sort();
        assert_eq!(left, [".guests", "hello.wasm", "mine.wasm"]);
        fs::remove_dir_all(temp)?;
        Ok(())
    }
}
