//! What is installed, not built with the workspace: programs of Debian packages, which
//! are found on the machine, and others, which the caller puts where it likes.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};

/// Something that is to be installed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A program of a Debian package.
    Package(Package),
    /// `wasmtime`, with `serve`, of the version that the server uses.
    Wasmtime,
    /// A Python with what `tests/bench/requirements.txt` pins.
    Python,
}

/// A program of a Debian package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// The package.
    pub name: &'static str,
    /// The program that is run.
    pub program: &'static str,
}

impl Package {
    /// Where the program is, if it is installed.
    pub fn find(&self) -> Option<PathBuf> {
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
