//! `patchboard new`: a project with its first handler, or another handler of the project
//! that it is called in. What is made is there whole, or not at all.

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use toml::{Table, Value};

use crate::folder::{Staged, replace, write};
use crate::lock::Lock;
use crate::name;
use crate::python::{self, package};
use crate::sdk;
use crate::template::{self, Places, Template};

/// Arguments of `new`.
#[derive(Debug, Args)]
pub struct New {
    /// The handler's name, and that of the folder that is made
    name: String,
    /// What it begins as
    #[arg(long, value_enum, default_value_t = Template::Hello)]
    template: Template,
    /// The language it is written in
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    lang: Language,
}

/// A language of handlers.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Language {
    /// Rust
    Rust,
    /// Python, with aiohttp's names
    Python,
}

impl New {
    /// Makes it, and says what to do next.
    ///
    /// # Errors
    ///
    /// One line: what is in the way, and what to do.
    pub fn run(&self) -> Result<()> {
        self.check_name().map_err(anyhow::Error::msg)?;
        let here = env::current_dir().context("cannot tell the current folder; change to another one")?;
        let root = here.ancestors().find(|folder| is_project(folder));
        match (self.lang, root) {
            (Language::Rust, Some(root)) if !root.join("Cargo.toml").is_file() => bail!(
                "the project in {} is of handlers in Python, and has no Cargo.toml; make another one for Rust",
                root.display()
            ),
            (Language::Rust, Some(root)) => self.add(root),
            (Language::Rust, None) => self.create(&here),
            (Language::Python, _) if self.template != Template::Hello => {
                bail!("there is one template for Python, hello; leave out --template")
            }
            (Language::Python, Some(root)) => self.add_python(root),
            (Language::Python, None) => self.create_python(&here),
        }
    }

    fn check_name(&self) -> Result<(), String> {
        let of_templates = Template::value_variants().iter();
        let used: Vec<_> =
            of_templates.flat_map(|template| template::dependencies(*template)).flatten().collect();
        let ours = sdk::CRATES.iter().map(|own| own.name);
        name::check(&self.name, used.iter().map(String::as_str).chain(ours))
    }

    /// A project with its first handler, in Python.
    fn create_python(&self, here: &Path) -> Result<()> {
        let (name, folder) = (&self.name, here.join(&self.name));
        self.check_free(&folder)?;
        let staged = Staged::new(here)?;
        let places = Places { name, base: String::new() };
        places.put_python_project(staged.path())?;
        package::put(&staged.path().join(package::folder()))?;
        places.put_python(&staged.path().join(python::FOLDER).join(name))?;
        staged.place(&folder)?;
        println!(
            "{name}/: a project with the handler {name} (python/{name}), and aiohttp's names in {}\n\n  cd {name}\n  \
             patchboard build\n  patchboard test\n  patchboard serve",
            package::folder()
        );
        Ok(())
    }

    /// Another handler, in Python, of the project in `root`.
    fn add_python(&self, root: &Path) -> Result<()> {
        let name = &self.name;
        let folder = root.join(python::FOLDER).join(name);
        let component = root.join("handlers").join(format!("{name}.wasm"));
        if let Some(taken) = [&folder, &component].into_iter().find(|place| place.exists()) {
            bail!("{} is there already; take another name, or remove it", taken.display());
        }
        let configuration = fs::read_to_string(root.join("patchboard.toml")).unwrap_or_default();
        free(&configuration, name)?;
        let staged = Staged::new(&root.join(".patchboard"))?;
        package::put(&root.join(package::folder()))?;
        Places { name, base: format!("/{name}") }.put_python(staged.path())?;
        fs::create_dir_all(root.join(python::FOLDER))
            .with_context(|| format!("cannot write in {}", root.display()))?;
        staged.place(&folder)?;
        println!(
            "python/{name}: another handler of the project in {}; its paths begin with /{name}",
            root.display()
        );
        Ok(())
    }

    /// Whether there is room for a new folder.
    fn check_free(&self, folder: &Path) -> Result<()> {
        let is_free = match fs::read_dir(folder) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) => error.kind() == ErrorKind::NotFound && fs::symlink_metadata(folder).is_err(),
        };
        if !is_free {
            bail!(
                "{} is there already, and is not an empty folder; take another name, or remove it",
                self.name
            );
        }
        Ok(())
    }

    /// A project with its first handler.
    fn create(&self, here: &Path) -> Result<()> {
        let (name, folder) = (&self.name, here.join(&self.name));
        self.check_free(&folder)?;
        let staged = Staged::new(here)?;
        let places = Places { name, base: String::new() };
        places.put_project(staged.path())?;
        let configuration = staged.path().join("patchboard.toml");
        write(
            &configuration,
            &joined(&fs::read_to_string(&configuration)?, &places.configuration(self.template)),
        )?;
        sdk::put(&staged.path().join(sdk::folder()))?;
        places.put_handler(self.template, &staged.path().join("crates").join(name))?;
        let mut lock = Lock::new()?;
        lock.add(name, &template::dependencies(self.template)?)?;
        write(&staged.path().join("Cargo.lock"), &lock.text())?;
        staged.place(&folder)?;
        println!(
            "{name}/: a project with the handler {name} (crates/{name}, template {}), and the SDK in {}\n\n  cd {name}\n  \
             patchboard build\n  patchboard test\n  patchboard serve",
            self.template.name(),
            sdk::folder()
        );
        Ok(())
    }

    /// Another handler of the project in `root`.
    fn add(&self, root: &Path) -> Result<()> {
        let name = &self.name;
        let folder = root.join("crates").join(name);
        let same = |other: &str| other.replace('-', "_") == name.replace('-', "_");
        let crates = fs::read_dir(root.join("crates")).into_iter().flatten().flatten();
        let names = crates.map(|entry| entry.file_name().to_string_lossy().into_owned());
        if let Some(other) = names.into_iter().find(|other| same(other)) {
            bail!("the project in {} has crates/{other} already; take another name", root.display());
        }
        let component = root.join("handlers").join(format!("{name}.wasm"));
        if component.exists() {
            bail!(
                "{} is there already, and would be replaced; take another name, or remove it",
                component.display()
            );
        }
        let configuration = root.join("patchboard.toml");
        let before = match fs::read_to_string(&configuration) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", configuration.display()));
            }
        };
        let places = Places { name, base: format!("/{name}") };
        let after = joined(&before, &places.configuration(self.template));
        if let Err(error) = free(&before, name).and_then(|()| Ok(after.parse::<Table>().map(drop)?)) {
            bail!("{}: {}", configuration.display(), format!("{error:#}").trim_end().replace('\n', " "));
        }
        // Beside the others, it would be one of cargo's before it is whole.
        let staged = Staged::new(&root.join(".patchboard"))?;
        places.put_handler(self.template, staged.path())?;
        fs::create_dir_all(root.join("crates"))
            .with_context(|| format!("cannot write in {}", root.display()))?;
        let lock = self.locked(&root.join("Cargo.lock"))?;
        staged.place(&folder)?;
        let rest = lock.into_iter().chain((after != before).then_some((configuration, after)));
        for (file, text) in rest {
            if let Err(error) = replace(&file, text.as_bytes()) {
                fs::remove_dir_all(&folder).ok();
                return Err(error);
            }
        }
        println!(
            "crates/{name}: another handler of the project in {} (template {}); its paths begin with /{name}",
            root.display(),
            self.template.name()
        );
        Ok(())
    }

    /// What `Cargo.lock` says with the handler in it; nothing where cargo is to find out.
    fn locked(&self, file: &Path) -> Result<Option<(PathBuf, String)>> {
        let Some(mut lock) = fs::read_to_string(file).ok().and_then(|text| Lock::read(&text).ok()) else {
            return Ok(None);
        };
        lock.add(&self.name, &template::dependencies(self.template)?)?;
        Ok(Some((file.to_owned(), lock.text())))
    }
}

/// Whether `new` has made it.
fn is_project(folder: &Path) -> bool {
    let has = |beginning: &str| {
        let inside = fs::read_dir(folder.join(".patchboard")).into_iter().flatten().flatten();
        inside.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with(beginning))
    };
    (folder.join("Cargo.toml").is_file() && has("sdk-"))
        || (folder.join(python::FOLDER).is_dir() && has("python-"))
}

/// Whether nothing of a configuration is called `name`.
fn free(configuration: &str, name: &str) -> Result<()> {
    let tables: Table = configuration.parse()?;
    for kind in ["handlers", "sql", "blob"] {
        if tables.get(kind).and_then(Value::as_table).is_some_and(|of_kind| of_kind.contains_key(name)) {
            bail!("it has [{kind}.{name}] already; take another name, or remove it");
        }
    }
    Ok(())
}

/// A configuration with some tables more.
fn joined(before: &str, tables: &str) -> String {
    match (before.is_empty(), tables.is_empty()) {
        (_, true) => before.to_owned(),
        (true, _) => tables.to_owned(),
        _ => format!("{}\n\n{tables}", before.trim_end()),
    }
}
