//! What cargo is asked: what there is in a workspace, and to build it.

use std::env;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::toolchain::TARGET;

/// What would go into components, though it is meant for this machine. What is meant for them
/// is CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS, or in `[target.wasm32-wasip2]` of cargo's configuration.
const OF_THIS_MACHINE: [&str; 5] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "RUSTC_WORKSPACE_WRAPPER",
];

/// The part of `cargo metadata` that is needed.
#[derive(Deserialize)]
pub(crate) struct Workspace {
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    packages: Vec<Package>,
}

#[derive(Clone, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) id: String,
    targets: Vec<Target>,
    #[serde(default)]
    dependencies: Vec<Dependency>,
}

/// What a package depends on.
#[derive(Clone, Deserialize)]
struct Dependency {
    /// Its folder, where that is named.
    path: Option<PathBuf>,
}

#[derive(Clone, Deserialize)]
struct Target {
    kind: Vec<String>,
}

impl Target {
    /// Whether it is a library that becomes one; an example of that type is none of a server's.
    fn is_component(&self) -> bool {
        self.kind.iter().any(|kind| kind == "cdylib")
    }
}

/// What cargo says of something that it has built, or of what is in its way.
#[derive(Deserialize)]
pub(crate) struct Message {
    reason: String,
    #[serde(default)]
    package_id: String,
    target: Option<Target>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
    message: Option<Diagnostic>,
}

/// What the compiler says of a source.
#[derive(Deserialize)]
pub(crate) struct Diagnostic {
    pub(crate) level: String,
    /// As it is shown.
    pub(crate) rendered: Option<String>,
}

impl Message {
    /// The component, if this is about one.
    pub(crate) fn built(self) -> Option<Built> {
        if self.reason != "compiler-artifact" || !self.target?.is_component() {
            return None;
        }
        let is_wasm = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "wasm");
        let file = self.filenames.into_iter().find(is_wasm)?;
        Some(Built { package_id: self.package_id, file })
    }

    /// What the compiler says, if this is that.
    pub(crate) fn diagnostic(&mut self) -> Option<Diagnostic> {
        self.message.take()
    }
}

/// A component that was built.
pub(crate) struct Built {
    pub(crate) package_id: String,
    pub(crate) file: PathBuf,
}

impl Workspace {
    /// Reads the workspace that the current folder is in.
    ///
    /// # Errors
    ///
    /// If there is no project, or no cargo; what cargo says is on standard error.
    pub(crate) fn read() -> Result<Self> {
        let here = env::current_dir().context("cannot tell the current folder; change to another one")?;
        if !here.ancestors().any(|folder| folder.join("Cargo.toml").exists()) {
            bail!(
                "there is no project here: no Cargo.toml in {} or above; `patchboard new NAME` makes one",
                here.display()
            );
        }
        let output = cargo(Path::new("."))
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .context(NO_CARGO)?;
        if !output.status.success() {
            io::stderr().write_all(&output.stderr)?;
            bail!("cargo cannot read the project; what it says is above");
        }
        serde_json::from_slice(&output.stdout).context("cannot read what `cargo metadata` says")
    }

    /// The packages that become components.
    pub(crate) fn handlers(&self) -> Vec<&Package> {
        let is_handler = |package: &&Package| package.targets.iter().any(Target::is_component);
        self.packages.iter().filter(is_handler).collect()
    }

    /// The folders that its packages depend on, where they are named.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        let dependencies = self.packages.iter().flat_map(|package| &package.dependencies);
        dependencies.filter_map(|dependency| dependency.path.as_deref())
    }

    /// Builds `handlers`. What cargo says of errors is on standard error, as it says it.
    ///
    /// # Errors
    ///
    /// If it fails.
    pub(crate) fn build(&self, handlers: &[Package], profile: &str) -> Result<Vec<Built>> {
        let mut command = self.compile(handlers, profile, "json-render-diagnostics");
        let mut child = command.spawn().context(NO_CARGO)?;
        let mut built = Vec::new();
        for line in child.stdout.take().into_iter().flat_map(|stdout| BufReader::new(stdout).lines()) {
            let Ok(message) = serde_json::from_str::<Message>(&line?) else { continue };
            built.extend(message.built());
        }
        if !child.wait()?.success() {
            self.explain()?;
            bail!("cargo could not build it; what it says is above");
        }
        Ok(built)
    }

    /// The command that does so, whose messages are lines of JSON on its standard output.
    pub(crate) fn compile(&self, handlers: &[Package], profile: &str, format: &str) -> Command {
        let mut command = cargo(&self.root);
        command.args(["build", "--lib", "--target", TARGET, "--profile", profile]);
        command.args(["--message-format", format]);
        for handler in handlers {
            command.args(["--package", &handler.id]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }

    /// Whether all crates that are needed are here.
    ///
    /// # Errors
    ///
    /// If some are not, so that it was the network that failed.
    pub(crate) fn explain(&self) -> Result<()> {
        let mut fetch = cargo(&self.root);
        fetch.args(["fetch", "--offline", "--target", TARGET]).stdout(Stdio::null()).stderr(Stdio::null());
        if !fetch.status().context(NO_CARGO)?.success() {
            bail!(
                "crates that it needs are not on this machine, and cargo could not fetch them; run `cargo fetch` once where \
                 crates.io, or a mirror that cargo is configured for, can be reached"
            );
        }
        Ok(())
    }
}

pub(crate) const NO_CARGO: &str =
    "cannot run cargo; install Rust as https://rustup.rs says, or put cargo on the PATH";

/// A cargo in `folder`.
fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folder);
    OF_THIS_MACHINE.iter().for_each(|name| _ = command.env_remove(name));
    command
}
