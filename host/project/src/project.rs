//! A project as it is built: which handlers, to which folder, and what was made of them.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use toml::{Table, Value};

use crate::cargo::{Built, Package, Workspace};
use crate::compile::{self, Failure, Running};
use crate::folder::replace;
use crate::toolchain;

/// A workspace of cargo's, and those of its handlers that are to be built.
pub struct Project {
    workspace: Workspace,
    handlers: Vec<Package>,
    folder: PathBuf,
}

/// A component that was made.
#[derive(Debug)]
pub struct Made {
    /// The handler's name.
    pub name: String,
    /// Where it is now.
    pub file: PathBuf,
    /// Whether it is another one than before.
    pub is_other: bool,
    /// What is in it.
    pub bytes: Vec<u8>,
    state: &'static str,
    width: usize,
}

impl Project {
    /// The project that the current folder is in, with its handlers of these `names`, or all, for
    /// the folder of components that was said, or else that of its configuration.
    ///
    /// # Errors
    ///
    /// If there is none, or not such a handler.
    pub fn open(names: &[String], folder: Option<&Path>) -> Result<Self> {
        let workspace = Workspace::read()?;
        let handlers = chosen(&workspace, names)?;
        let folder = match folder {
            Some(folder) => folder.to_owned(),
            None => folder_of(&workspace.root)?,
        };
        Ok(Self { workspace, handlers, folder })
    }

    /// The folder of the workspace.
    pub fn root(&self) -> &Path {
        &self.workspace.root
    }

    /// The folder that components go to.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folders that it is made of: its own, and those that its manifests name elsewhere.
    pub fn sources(&self) -> Vec<PathBuf> {
        let elsewhere = self.workspace.paths().filter(|path| !path.starts_with(self.root()));
        std::iter::once(self.root()).chain(elsewhere).map(Path::to_owned).collect()
    }

    /// Has rustup get the target of components where it is not there.
    ///
    /// # Errors
    ///
    /// How it is to be had.
    pub fn ensure_target(&self) -> Result<()> {
        toolchain::ensure_target(self.root())
    }

    /// Builds the handlers by `profile`; cargo says what it has to say on standard error.
    ///
    /// # Errors
    ///
    /// If it fails.
    pub(crate) fn build(&self, profile: &str) -> Result<Vec<Made>> {
        self.place(self.workspace.build(&self.handlers, profile)?)
    }

    /// Builds the handlers by the profile `dev`, as `running`, which others may cancel. What the
    /// compiler says is on standard error, and where it fails, in the failure as well.
    ///
    /// # Errors
    ///
    /// What it has said.
    pub fn build_dev(&self, running: &Running) -> Result<Vec<Made>, Failure> {
        let built = compile::run(&self.workspace, &self.handlers, "dev", running)?;
        self.place(built).map_err(|error| Failure::Refused(format!("{error:#}")))
    }

    /// Puts components where the server looks; what is there already is left alone, so that
    /// nothing is loaded anew.
    fn place(&self, built: Vec<Built>) -> Result<Vec<Made>> {
        let folder = &self.folder;
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let width = self.handlers.iter().map(|handler| handler.name.len()).max().unwrap_or_default();
        let mut made = Vec::new();
        for handler in &self.handlers {
            let name = &handler.name;
            let Some(component) = built.iter().find(|built| built.package_id == handler.id) else {
                bail!(
                    "cargo has made no component of {name}; its Cargo.toml needs crate-type = [\"cdylib\"] in [lib]"
                );
            };
            let bytes = fs::read(&component.file)
                .with_context(|| format!("cannot read {}", component.file.display()))?;
            made.push(Made::put(folder, name, bytes)?.aligned(width));
        }
        Ok(made)
    }
}

impl Made {
    /// Puts the component of the handler `name` into `folder`, unless it is there.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn put(folder: &Path, name: &str, bytes: Vec<u8>) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let file = folder.join(format!("{name}.wasm"));
        let state = match fs::read(&file) {
            Ok(before) if before == bytes => "unchanged",
            Ok(_) => "changed",
            Err(_) => "new",
        };
        let is_other = state != "unchanged";
        if is_other {
            replace(&file, &bytes)?;
        }
        Ok(Self { name: name.to_owned(), file, is_other, bytes, state, width: name.len() })
    }

    /// The same, in a table whose names have at most this length.
    fn aligned(self, width: usize) -> Self {
        Self { width, ..self }
    }
}

impl fmt::Display for Made {
    /// A line of a table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, file, bytes, state, width, .. } = self;
        let size = thousands(bytes.len().div_ceil(1000));
        write!(f, "{name:width$} {size:>9} kB  {state:9}  {}", shown(file))
    }
}

fn chosen(workspace: &Workspace, names: &[String]) -> Result<Vec<Package>> {
    let all = workspace.handlers();
    if all.is_empty() {
        bail!(
            "no package of {} becomes a component; `patchboard new NAME` makes one, or its Cargo.toml needs crate-type = \
             [\"cdylib\"] in [lib]",
            workspace.root.display()
        );
    }
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|handler| handler.name == **name)) {
        let names: Vec<_> = all.iter().map(|handler| handler.name.as_str()).collect();
        bail!(
            "there is no handler `{unknown}` in {}; there is {}",
            workspace.root.display(),
            names.join(", ")
        );
    }
    let is_chosen = |handler: &&Package| names.is_empty() || names.contains(&handler.name);
    Ok(all.into_iter().filter(is_chosen).cloned().collect())
}

/// The folder that the server looks into.
pub(crate) fn folder_of(root: &Path) -> Result<PathBuf> {
    let file = root.join("patchboard.toml");
    let Ok(text) = fs::read_to_string(&file) else { return Ok(root.join("handlers")) };
    let table: Table = text.parse().with_context(|| format!("cannot read {}", file.display()))?;
    match table.get("server").and_then(|server| server.get("handlers")) {
        None => Ok(root.join("handlers")),
        Some(Value::String(folder)) => Ok(root.join(folder)),
        Some(_) => {
            bail!("{} names no folder for `handlers` of [server]; say it by --handlers", file.display())
        }
    }
}

/// A path as it is short to read: from the current folder where it is below it.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}

/// `1234` as `1,234`.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_readable() {
        for (number, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), expected);
        }
    }
}
