//! `patchboard build`: compiles the handlers of a project, and puts the components where the
//! server looks for them. What has not changed is left as it is, so that nothing is loaded anew.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use toml::{Table, Value};

use crate::cargo::{Package, Workspace};
use crate::folder::replace;
use crate::python;
use crate::toolchain;

/// Arguments of `build`.
#[derive(Debug, Default, Args)]
pub struct Build {
    /// The handlers to build, or files of Python such as server.py [default: all of the project]
    names: Vec<String>,
    /// The folder that the components go to [default: that of patchboard.toml, else handlers]
    #[arg(long, value_name = "DIR")]
    handlers: Option<PathBuf>,
    /// Compile by the profile `release`, which is the default
    #[arg(long, conflicts_with = "debug")]
    release: bool,
    /// Compile by the profile `dev`: sooner, larger, slower, with the lines of a panic's backtrace
    #[arg(long)]
    debug: bool,
}

impl Build {
    /// Builds them, and prints what was made.
    ///
    /// # Errors
    ///
    /// What is missing, or that cargo has failed and said why.
    pub fn run(&self) -> Result<()> {
        let here = env::current_dir().context("cannot tell the current folder; change to another one")?;
        let (python, rust) = self.wanted(&here)?;
        if let Some(names) = rust {
            self.build_rust(&names)?;
        }
        python.iter().try_for_each(|handler| self.build_python(handler))
    }

    /// The handlers in Python, and the names of those in Rust; none where none of them is wanted.
    fn wanted(&self, here: &Path) -> Result<(Vec<python::Handler>, Option<Vec<String>>)> {
        let (files, names): (Vec<_>, Vec<_>) =
            self.names.iter().cloned().partition(|name| name.ends_with(".py"));
        let is_root =
            |folder: &&Path| folder.join("patchboard.toml").is_file() || folder.join(".patchboard").is_dir();
        let own = here.ancestors().find(is_root).map(python::Handler::all).unwrap_or_default();
        if self.names.is_empty() {
            let has_cargo = here.ancestors().any(|folder| folder.join("Cargo.toml").is_file());
            let rust = (own.is_empty() || has_cargo).then(Vec::new);
            return Ok((own, rust));
        }
        let is_own = |name: &String| own.iter().any(|handler| handler.name == *name);
        let others: Vec<_> = names.iter().filter(|name| !is_own(name)).cloned().collect();
        let mut python =
            files.iter().map(|file| python::Handler::of(Path::new(file))).collect::<Result<Vec<_>>>()?;
        python.extend(own.into_iter().filter(|handler| names.contains(&handler.name)));
        Ok((python, (!others.is_empty()).then_some(others)))
    }

    fn build_python(&self, handler: &python::Handler) -> Result<()> {
        let root = handler.root();
        let folder = self.folder(&root)?;
        let file = folder.join(format!("{}.wasm", handler.name));
        let text = fs::read_to_string(root.join("patchboard.toml")).unwrap_or_default();
        let configuration: Table =
            text.parse().with_context(|| format!("cannot read patchboard.toml in {}", root.display()))?;
        let made = handler.make(&configuration, file.is_file())?;
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        match &made.component {
            Some(component) => put(&handler.name, handler.name.len(), &file, component)?,
            None => {
                let bytes = fs::metadata(&file).map_or(0, |metadata| metadata.len());
                said(
                    &handler.name,
                    handler.name.len(),
                    usize::try_from(bytes).unwrap_or(usize::MAX),
                    "unchanged",
                    &file,
                );
            }
        }
        made.placed()?;
        if !made.missing.is_empty() {
            println!("\n{} needs in patchboard.toml:\n\n{}", handler.name, made.missing);
        }
        Ok(())
    }

    fn build_rust(&self, names: &[String]) -> Result<()> {
        let workspace = Workspace::read()?;
        let handlers = chosen(names, &workspace)?;
        toolchain::ensure_target(&workspace.root)?;
        let built = workspace.build(&handlers, if self.debug { "dev" } else { "release" })?;
        let folder = self.folder(&workspace.root)?;
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let width = handlers.iter().map(|handler| handler.name.len()).max().unwrap_or_default();
        for handler in handlers {
            let name = &handler.name;
            let Some(component) = built.iter().find(|built| built.package_id == handler.id) else {
                bail!(
                    "cargo has made no component of {name}; its Cargo.toml needs crate-type = [\"cdylib\"] in [lib]"
                );
            };
            let bytes = fs::read(&component.file)
                .with_context(|| format!("cannot read {}", component.file.display()))?;
            put(name, width, &folder.join(format!("{name}.wasm")), &bytes)?;
        }
        Ok(())
    }

    /// The folder that the server looks into.
    fn folder(&self, root: &Path) -> Result<PathBuf> {
        if let Some(folder) = &self.handlers {
            return Ok(folder.clone());
        }
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
}

/// Puts a component in its place, unless it is there, and says so.
fn put(name: &str, width: usize, file: &Path, bytes: &[u8]) -> Result<()> {
    let state = match fs::read(file) {
        Ok(before) if before == bytes => "unchanged",
        Ok(_) => "changed",
        Err(_) => "new",
    };
    if state != "unchanged" {
        replace(file, bytes)?;
    }
    said(name, width, bytes.len(), state, file);
    Ok(())
}

fn said(name: &str, width: usize, bytes: usize, state: &str, file: &Path) {
    println!("{name:width$} {:>9} kB  {state:9}  {}", thousands(bytes.div_ceil(1000)), shown(file));
}

/// The packages of these names, or all of them.
fn chosen<'w>(wanted: &[String], workspace: &'w Workspace) -> Result<Vec<&'w Package>> {
    let all = workspace.handlers();
    if all.is_empty() {
        bail!(
            "no package of {} becomes a component; `patchboard new NAME` makes one, or its Cargo.toml needs crate-type = \
             [\"cdylib\"] in [lib]",
            workspace.root.display()
        );
    }
    if let Some(unknown) = wanted.iter().find(|name| !all.iter().any(|handler| handler.name == **name)) {
        let names: Vec<_> = all.iter().map(|handler| handler.name.as_str()).collect();
        bail!(
            "there is no handler `{unknown}` in {}; there is {}",
            workspace.root.display(),
            names.join(", ")
        );
    }
    let is_chosen = |handler: &&Package| wanted.is_empty() || wanted.contains(&handler.name);
    Ok(all.into_iter().filter(is_chosen).collect())
}

/// A path as it is short to read: from the current folder where it is below it.
fn shown(path: &Path) -> String {
    let here = env::current_dir().unwrap_or_default();
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
