//! What cargo knows of this workspace, read from `cargo metadata`: where it is,
//! where its artefacts go, and its packages.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::command;

/// The part of `cargo metadata` that xtask needs.
#[derive(Deserialize)]
pub(crate) struct Workspace {
    /// The folder of the root manifest.
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    /// Where cargo puts the artefacts of the host.
    #[serde(rename = "target_directory")]
    pub(crate) target: PathBuf,
    /// The members, or with [`Workspace::load_with_dependencies`] all packages.
    pub(crate) packages: Vec<Package>,
}

/// A package.
#[derive(Deserialize)]
pub(crate) struct Package {
    /// Its name, with its hyphens.
    pub(crate) name: String,
    /// The path of its `Cargo.toml`.
    pub(crate) manifest_path: PathBuf,
    /// What it builds.
    pub(crate) targets: Vec<Target>,
    /// Its features and what they turn on.
    pub(crate) features: BTreeMap<String, Vec<String>>,
}

/// One thing a package builds.
#[derive(Deserialize)]
pub(crate) struct Target {
    /// Its name; that of a library has underscores.
    pub(crate) name: String,
    /// `lib`, `cdylib`, `bin` and so on.
    pub(crate) crate_types: Vec<String>,
}

impl Workspace {
    /// Reads the members of the workspace that xtask belongs to.
    pub(crate) fn load() -> Result<Self> {
        Self::query(&["--no-deps"])
    }

    /// Reads the members and all locked packages they use on this machine.
    pub(crate) fn load_with_dependencies(host: &str) -> Result<Self> {
        Self::query(&["--filter-platform", host])
    }

    fn query(options: &[&str]) -> Result<Self> {
        // `cargo run` sets the variable; the constant serves a copied binary.
        let xtask = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = xtask.parent().unwrap_or(&xtask);
        let mut cargo = command::cargo(root);
        cargo.args(["metadata", "--format-version", "1"]).args(options);
        let json = command::output(&mut cargo)?;
        serde_json::from_str(&json).context("could not read what `cargo metadata` wrote")
    }
}

impl Package {
    /// The name of the component this package builds, without extension, if it
    /// builds one.
    pub(crate) fn cdylib(&self) -> Option<&str> {
        self.targets
            .iter()
            .find(|target| target.crate_types.iter().any(|kind| kind == "cdylib"))
            .map(|target| target.name.as_str())
    }

    /// Whether the package lies somewhere under `folder`.
    pub(crate) fn is_under(&self, folder: &Path) -> bool {
        self.manifest_path.starts_with(folder)
    }
}
