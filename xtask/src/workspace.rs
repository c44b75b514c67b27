//! What cargo knows of this workspace, read from `cargo metadata`: where it is, where
//! its artefacts go, and its packages; and what it builds of them.

use std::collections::{BTreeSet, HashMap};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tinyjson::{InnerAsRef, JsonValue};

use crate::command;

/// The server's program. Its package has had another name.
const SERVER: &str = "patchboard";

/// The part of `cargo metadata` that xtask needs.
pub(crate) struct Workspace {
    /// The folder of the root manifest.
    pub(crate) root: PathBuf,
    /// Where cargo puts the artefacts of the host.
    pub(crate) target: PathBuf,
    /// The members, or with [`Workspace::load_with_dependencies`] all packages.
    pub(crate) packages: Vec<Package>,
}

/// A package.
pub(crate) struct Package {
    /// Its name, with its hyphens.
    pub(crate) name: String,
    /// The path of its `Cargo.toml`.
    pub(crate) manifest_path: PathBuf,
    /// What it builds.
    pub(crate) targets: Vec<Target>,
    /// The names of its features.
    pub(crate) features: BTreeSet<String>,
}

/// One thing a package builds.
pub(crate) struct Target {
    /// Its name; that of a library has underscores.
    pub(crate) name: String,
    /// `lib`, `cdylib`, `bin` and so on.
    pub(crate) crate_types: Vec<String>,
}

/// How a program is compiled.
#[derive(Clone, Copy)]
pub(crate) enum Profile {
    /// As the tests use it, so that wasmtime is compiled once.
    Dev,
    /// As users get it.
    Release,
}

impl Workspace {
    /// Reads the members of the workspace that xtask belongs to.
    pub(crate) fn load() -> Result<Self> {
        Self::query(&mut command::cargo(&this()), &["--no-deps"])
    }

    /// Reads the members and all locked packages they use on this machine.
    pub(crate) fn load_with_dependencies(host: &str) -> Result<Self> {
        Self::query(&mut command::cargo(&this()), &["--filter-platform", host])
    }

    /// Reads the members of another checkout, whose artefacts stay in its own folder.
    pub(crate) fn load_at(root: &Path) -> Result<Self> {
        Self::query(&mut cargo_at(root, &root.join("target")), &["--no-deps"])
    }

    fn query(cargo: &mut Command, options: &[&str]) -> Result<Self> {
        cargo.args(["metadata", "--format-version", "1"]).args(options);
        Self::parse(&command::output(cargo)?).context("could not read what `cargo metadata` wrote")
    }

    /// Reads what `cargo metadata` wrote.
    pub(crate) fn parse(json: &str) -> Result<Self> {
        let json: JsonValue = json.parse()?;
        let packages = list(&json, "packages")?.iter().map(Package::read);
        Ok(Self {
            root: text(&json, "workspace_root")?.into(),
            target: text(&json, "target_directory")?.into(),
            packages: packages.collect::<Result<_>>()?,
        })
    }

    /// Builds the server and gives its path.
    pub(crate) fn build_server(&self, profile: Profile) -> Result<PathBuf> {
        let is_server = |target: &Target| target.name == SERVER && target.is_program();
        let mut packages = self.packages.iter();
        let package = packages.find(|package| package.targets.iter().any(is_server));
        let package = package.with_context(|| format!("no package builds the program {SERVER}"))?;
        self.build(&package.name, SERVER, profile)
    }

    /// Builds a program of a package and gives its path.
    pub(crate) fn build(&self, package: &str, program: &str, profile: Profile) -> Result<PathBuf> {
        let mut cargo = cargo_at(&self.root, &self.target);
        cargo.args(["build", "-p", package, "--bin", program]);
        let folder = match profile {
            Profile::Dev => "debug",
            Profile::Release => {
                cargo.arg("--release");
                "release"
            }
        };
        command::run_aside(&mut cargo).with_context(|| format!("could not build {program}"))?;
        Ok(self.target.join(folder).join(program))
    }
}

impl Package {
    fn read(json: &JsonValue) -> Result<Self> {
        let targets = list(json, "targets")?.iter().map(|target| {
            let crate_types = list(target, "crate_types")?.iter().filter_map(|kind| kind.get::<String>());
            Ok(Target { name: text(target, "name")?, crate_types: crate_types.cloned().collect() })
        });
        let features: &HashMap<String, JsonValue> = value(json, "features")?;
        Ok(Self {
            name: text(json, "name")?,
            manifest_path: text(json, "manifest_path")?.into(),
            targets: targets.collect::<Result<_>>()?,
            features: features.keys().cloned().collect(),
        })
    }

    /// The name of the component this package builds, without extension, if it
    /// builds one.
    pub(crate) fn cdylib(&self) -> Option<&str> {
        let mut targets = self.targets.iter();
        targets.find(|target| target.has_type("cdylib")).map(|target| target.name.as_str())
    }

    /// Whether the package lies somewhere under `folder`.
    pub(crate) fn is_under(&self, folder: &Path) -> bool {
        self.manifest_path.starts_with(folder)
    }
}

impl Target {
    fn is_program(&self) -> bool {
        self.has_type("bin")
    }

    fn has_type(&self, wanted: &str) -> bool {
        self.crate_types.iter().any(|kind| kind == wanted)
    }
}

/// The folder of the workspace that xtask belongs to.
fn this() -> PathBuf {
    // `cargo run` sets the variable; the constant serves a copied binary.
    let xtask = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    xtask.parent().map_or_else(|| xtask.clone(), Path::to_owned)
}

/// A cargo in `root` whose artefacts go to `target`, whatever else is set.
fn cargo_at(root: &Path, target: &Path) -> Command {
    let mut cargo = command::cargo(root);
    cargo.env("CARGO_TARGET_DIR", target);
    cargo
}

/// What `json` has under `key`.
fn value<'a, T: InnerAsRef>(json: &'a JsonValue, key: &str) -> Result<&'a T> {
    let object: Option<&HashMap<_, _>> = json.get();
    let value = object.and_then(|object| object.get(key)).and_then(JsonValue::get);
    value.with_context(|| format!("`{key}` is missing or of another kind"))
}

fn list<'a>(json: &'a JsonValue, key: &str) -> Result<&'a Vec<JsonValue>> {
    value(json, key)
}

fn text(json: &JsonValue, key: &str) -> Result<String> {
    value::<String>(json, key).cloned()
}
