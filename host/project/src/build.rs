//! `patchboard build`: compiles the handlers of a project, and puts the components where the
//! server looks for them. What has not changed is left as it is, so that nothing is loaded anew.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use toml::{Table, Value};

use crate::cargo::{Package, Workspace};
use crate::folder::replace;
use crate::toolchain;

/// Arguments of `build`.
#[derive(Debug, Default, Args)]
pub struct Build {
    /// The handlers to build [default: all of the project]
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
        let workspace = Workspace::read()?;
        let handlers = self.chosen(&workspace)?;
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
            let file = folder.join(format!("{name}.wasm"));
            let state = match fs::read(&file) {
                Ok(before) if before == bytes => "unchanged",
                Ok(_) => "changed",
                Err(_) => "new",
            };
            if state != "unchanged" {
                replace(&file, &bytes)?;
            }
            println!(
                "{name:width$} {:>9} kB  {state:9}  {}",
                thousands(bytes.len().div_ceil(1000)),
                shown(&file)
            );
        }
        Ok(())
    }

    fn chosen<'w>(&self, workspace: &'w Workspace) -> Result<Vec<&'w Package>> {
        let all = workspace.handlers();
        if all.is_empty() {
            bail!(
                "no package of {} becomes a component; `patchboard new NAME` makes one, or its Cargo.toml needs crate-type = \
                 [\"cdylib\"] in [lib]",
                workspace.root.display()
            );
        }
        if let Some(unknown) =
            self.names.iter().find(|name| !all.iter().any(|handler| handler.name == **name))
        {
            let names: Vec<_> = all.iter().map(|handler| handler.name.as_str()).collect();
            bail!(
                "there is no handler `{unknown}` in {}; there is {}",
                workspace.root.display(),
                names.join(", ")
            );
        }
        let is_chosen = |handler: &&Package| self.names.is_empty() || self.names.contains(&handler.name);
        Ok(all.into_iter().filter(is_chosen).collect())
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
