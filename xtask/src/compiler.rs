//! The compilers: the one that builds the host, and what has to be said to cargo so
//! that it builds guests with another.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command;

/// What guests are compiled for: components that import WASI 0.2.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// The compiler that builds the host.
pub(crate) struct HostCompiler {
    /// Its version, `1.95.0`.
    pub(crate) release: String,
    /// The target it runs on and compiles for.
    pub(crate) host: String,
    /// The folder of its libraries and tools.
    pub(crate) sysroot: PathBuf,
}

impl HostCompiler {
    /// Asks the `rustc` that cargo would use in `root`.
    pub(crate) fn query(root: &Path) -> Result<Self> {
        let verbose = command::output(rustc(root).arg("-vV"))?;
        let sysroot = command::output(rustc(root).args(["--print", "sysroot"]))?;
        Ok(Self {
            release: field(&verbose, "release").context("`rustc -vV` names no release")?.to_owned(),
            host: field(&verbose, "host").context("`rustc -vV` names no host")?.to_owned(),
            sysroot: PathBuf::from(sysroot.trim()),
        })
    }
}

/// Makes `cargo` build guests, with this compiler or the ordinary one.
pub(crate) fn build_guests(cargo: &mut Command, rustc: Option<&Path>) {
    // Flags and wrappers meant for the host would end up in the guests.
    for name in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "RUSTC_WORKSPACE_WRAPPER",
    ] {
        cargo.env_remove(name);
    }
    if let Some(rustc) = rustc {
        cargo.env("RUSTC", rustc).env("RUSTC_WRAPPER", "");
    }
}

/// The value of `name: value` in what `rustc -vV` writes.
pub(crate) fn field<'a>(verbose: &'a str, name: &str) -> Option<&'a str> {
    verbose.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// The `rustc` that cargo would use in `root`.
pub(crate) fn rustc(root: &Path) -> Command {
    let mut command = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.current_dir(root);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_verbose_version() {
        let verbose = "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\n\
                       host: x86_64-unknown-linux-gnu\nrelease: 1.95.0\nLLVM version: 22.1.2\n";
        assert_eq!(field(verbose, "release"), Some("1.95.0"));
        assert_eq!(field(verbose, "host"), Some("x86_64-unknown-linux-gnu"));
        assert_eq!(field(verbose, "commit-hash"), None);
    }
}
