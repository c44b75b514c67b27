//! Handlers in Python: where they are in a project, and how they become components.
//!
//! A handler is the folder `python/NAME` of a project, with `server.py` in it, or any file that
//! is named. What it takes to build one is in the folder `.patchboard` of the project.

pub(crate) mod application;
pub(crate) mod component;
pub(crate) mod environment;
pub(crate) mod package;

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use toml::Table;

use self::application::Application;
use self::component::Parts;
use self::environment::{COMPONENTIZE, Environment};
use crate::folder::write;

/// The folder of a project's handlers in Python.
pub(crate) const FOLDER: &str = "python";
/// The file of one.
pub(crate) const SERVER: &str = "server.py";
/// The most files that are looked at to tell whether a handler has changed.
const FILES: usize = 10_000;

/// A handler in Python.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Handler {
    pub(crate) name: String,
    file: PathBuf,
}

/// A component that was made, and what its author should know.
pub(crate) struct Made {
    /// None where it is as it was.
    pub(crate) component: Option<Vec<u8>>,
    /// What `patchboard.toml` lacks.
    pub(crate) missing: String,
    stamp: (PathBuf, String),
}

impl Made {
    /// Notes that the component is where it belongs, so that it is not made again.
    ///
    /// # Errors
    ///
    /// If that cannot be written.
    pub(crate) fn placed(&self) -> Result<()> {
        write(&self.stamp.0, &self.stamp.1)
    }
}

impl Handler {
    /// Those of the project in `root`.
    pub(crate) fn all(root: &Path) -> Vec<Self> {
        let folders = fs::read_dir(root.join(FOLDER)).into_iter().flatten().flatten();
        let mut all: Vec<_> = folders
            .filter_map(|entry| {
                let file = entry.path().join(SERVER);
                file.is_file().then(|| Self { name: entry.file_name().to_string_lossy().into_owned(), file })
            })
            .collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// The one in `file`, by its name; `server.py` and the like have the name of their folder.
    ///
    /// # Errors
    ///
    /// If there is no such file, or its name is none for a handler.
    pub(crate) fn of(file: &Path) -> Result<Self> {
        let file = fs::canonicalize(file).with_context(|| format!("there is no file {}", file.display()))?;
        let is_anything = [SERVER, "app.py", "main.py"].iter().any(|name| file.ends_with(name));
        let named = if is_anything { file.parent().and_then(Path::file_name) } else { file.file_stem() };
        let name = named.unwrap_or_default().to_string_lossy().into_owned();
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        {
            bail!(
                "`{name}` is no name for a handler: it has letters, digits, `-` and `_`; rename {}",
                file.display()
            );
        }
        Ok(Self { name, file })
    }

    /// The folder that its project's `.patchboard` is in: the nearest above with one, or with a
    /// configuration, else its own.
    pub(crate) fn root(&self) -> PathBuf {
        let own = self.file.parent().unwrap_or(Path::new("."));
        let is_root =
            |folder: &&Path| folder.join("patchboard.toml").is_file() || folder.join(".patchboard").is_dir();
        own.ancestors().find(is_root).unwrap_or(own).to_owned()
    }

    /// Makes its component, unless `is_there` and nothing of it has changed.
    ///
    /// # Errors
    ///
    /// What is wrong with it, or missing on this machine.
    pub(crate) fn make(&self, configuration: &Table, is_there: bool) -> Result<Made> {
        let hidden = self.root().join(".patchboard");
        let package = self.root().join(package::folder());
        package::put(&package)?;
        let environment = Environment::of(&hidden)?;
        let folder = self.file.parent().unwrap_or(&self.file);
        let packages = environment
            .packages(&folder.join("requirements.txt"), &hidden.join("packages").join(&self.name))?;
        let application = Application::read(&environment, &package, &self.file, packages.as_deref())?;
        let missing = application.missing(&self.name, configuration);
        let work = hidden.join("build").join(&self.name);
        write(&hidden.join("build/.gitignore"), "*\n")?;
        let stamp = (work.join("made-of.txt"), self.made_of(&application)?);
        if is_there && fs::read_to_string(&stamp.0).is_ok_and(|before| before == stamp.1) {
            return Ok(Made { component: None, missing, stamp });
        }
        eprintln!("making a component of {} (some seconds)", self.file.display());
        let parts = Parts {
            environment: &environment,
            package: &package,
            file: &self.file,
            packages: packages.as_deref(),
            work: &work,
        };
        let component = Some(parts.make(&application)?);
        Ok(Made { component, missing, stamp })
    }

    /// What decides on its component: the program, the toolchain, and all files of its folder,
    /// since any of them may be read while it is made.
    fn made_of(&self, application: &Application) -> Result<String> {
        let mut hasher = DefaultHasher::new();
        package::text().for_each(|text| text.hash(&mut hasher));
        application.section().hash(&mut hasher);
        application.world().hash(&mut hasher);
        let own = self.file.parent().unwrap_or(&self.file);
        let (mut files, mut folders) = (Vec::new(), vec![own.to_owned()]);
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(&next).with_context(|| format!("cannot read {}", next.display()))? {
                let entry = entry?;
                let (kind, name) = (entry.file_type()?, entry.file_name());
                let name = name.to_string_lossy();
                if kind.is_dir() {
                    let is_not =
                        ["__pycache__", "node_modules", "target", "data", "handlers"].contains(&&*name);
                    folders.extend((!name.starts_with('.') && !is_not).then(|| entry.path()));
                } else if kind.is_file() && !name.starts_with('.') {
                    files.push(entry.path());
                }
            }
            if files.len() > FILES {
                bail!("{} has more than {FILES} files; give the handler a folder of its own", own.display());
            }
        }
        files.sort();
        for file in &files {
            let content = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            (file, content).hash(&mut hasher);
        }
        Ok(format!("{COMPONENTIZE} {} {:016x}\n", files.len(), hasher.finish()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handlers_are_found_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        for file in [
            "python/shop/server.py",
            "python/empty/other.py",
            "python/api/server.py",
            "tools/my_page.py",
            "patchboard.toml",
        ] {
            write(&root.join(file), "").unwrap();
        }
        let names: Vec<_> = Handler::all(&root).into_iter().map(|handler| handler.name).collect();
        assert_eq!(names, ["api", "shop"]);
        let of = |file: &str| Handler::of(&root.join(file)).unwrap();
        assert_eq!(of("python/shop/server.py").name, "shop");
        assert_eq!(of("tools/my_page.py").name, "my_page");
        assert_eq!(of("tools/my_page.py").root(), root);
        assert!(Handler::of(&root.join("none.py")).is_err());
    }
}
