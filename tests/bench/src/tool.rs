//! Programs that the benchmark uses: those of Debian packages, found where Debian puts
//! them, and those that xtask has built or installed where it likes.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// Something that is to be installed or built before. Its `Display` is a line for xtask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    /// A program of a Debian package.
    Package(Package),
    /// `wasmtime`, with `serve`, of the version that the server uses.
    Wasmtime,
    /// A Python with what `tests/bench/requirements.txt` pins.
    Python,
    /// The server by hyper alone.
    Native,
}

/// A program of a Debian package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Package {
    /// The package.
    pub(crate) name: &'static str,
    /// The program that is run.
    pub(crate) program: &'static str,
}

/// What is there once xtask has provided it.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    /// The server, a release build.
    pub(crate) server: PathBuf,
    /// `patchboard-native`, likewise.
    pub(crate) native: PathBuf,
    /// `wasmtime`, if it is needed.
    pub(crate) wasmtime: PathBuf,
    /// Python, likewise.
    pub(crate) python: PathBuf,
    /// The folders that the components are in.
    pub(crate) components: [PathBuf; 2],
    /// Where the benchmark may put its files.
    pub(crate) folder: PathBuf,
    /// The root of the workspace.
    root: PathBuf,
    /// Where cargo puts what it builds.
    target: PathBuf,
}

impl Tools {
    /// Those of this workspace, found from where this program is.
    pub(crate) fn here() -> Result<Self> {
        let program = env::current_exe().context("could not find the benchmark's own program")?;
        // It is in `debug` or `release`, its tests a folder below.
        let is_target = |folder: &&Path| folder.join("CACHEDIR.TAG").is_file();
        let target =
            program.ancestors().find(is_target).context("the benchmark is not where cargo builds it")?;
        let root =
            Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("it lies in a workspace")?;
        Ok(Self {
            server: target.join("release/patchboard"),
            native: target.join("release/patchboard-native"),
            wasmtime: target.join("bench-tools/bin/wasmtime"),
            python: root.join("target/bench-tools/python/bin/python"),
            components: components(root),
            folder: target.join("bench"),
            root: root.to_owned(),
            target: target.to_owned(),
        })
    }

    /// The same with the server and the components of the other revision, and its folder.
    pub(crate) fn before(&self) -> (Self, PathBuf) {
        let root = self.target.join("against");
        let server = root.join("target/release/patchboard");
        (Self { server, components: components(&root), ..self.clone() }, root)
    }

    /// A cargo for this workspace: the one that built this.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(&self.root);
        cargo
    }
}

fn components(root: &Path) -> [PathBuf; 2] {
    ["handlers", "test-guests"].map(|name| root.join("target").join(name))
}

impl Package {
    /// Where the program is, if it is installed.
    pub(crate) fn find(&self) -> Option<PathBuf> {
        let path = env::var_os("PATH").unwrap_or_default();
        // Servers are in `sbin`, which only root's PATH has on Debian.
        env::split_paths(&path)
            .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
            .map(|folder| folder.join(self.program))
            .find(|program| program.is_file())
    }

    pub(crate) fn path(&self) -> Result<PathBuf> {
        self.find().with_context(|| format!("{} is not installed (package {})", self.program, self.name))
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Package(Package { name, program }) => write!(f, "package {name} {program}"),
            Self::Wasmtime => f.write_str("wasmtime"),
            Self::Python => f.write_str("python"),
            Self::Native => f.write_str("native"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_where_they_are() {
        let shell = Package { name: "dash", program: "sh" };
        assert!(shell.path().unwrap().is_absolute());
        let none = Package { name: "none", program: "no-such-program" };
        assert!(none.path().unwrap_err().to_string().contains("package none"));
    }
}
