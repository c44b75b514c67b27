//! `patchboard build`: compiles the handlers of a project, and puts the components where the
//! server looks for them. What has not changed is left as it is, so that nothing is loaded anew.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use toml::Table;

use crate::project::{Made, Project, folder_of};
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
            let project = Project::open(&names, self.handlers.as_deref())?;
            toolchain::ensure_target(project.root())?;
            let made = project.build(if self.debug { "dev" } else { "release" })?;
            made.iter().for_each(|made| println!("{made}"));
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
        let folder = match &self.handlers {
            Some(folder) => folder.clone(),
            None => folder_of(&root)?,
        };
        let file = folder.join(format!("{}.wasm", handler.name));
        let text = fs::read_to_string(root.join("patchboard.toml")).unwrap_or_default();
        let configuration: Table =
            text.parse().with_context(|| format!("cannot read patchboard.toml in {}", root.display()))?;
        let mut made = handler.make(&configuration, file.is_file())?;
        let component = match made.component.take() {
            Some(component) => component,
            // It is as it was.
            None => fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?,
        };
        println!("{}", Made::put(&folder, &handler.name, component)?);
        made.placed()?;
        if !made.missing.is_empty() {
            println!("\n{} needs in patchboard.toml:\n\n{}", handler.name, made.missing);
        }
        Ok(())
    }
}
