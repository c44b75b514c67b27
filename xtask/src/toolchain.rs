//! Which compiler builds the guests.
//!
//! The ordinary one where it has the target `wasm32-wasip2` or rustup can
//! download it; else the one that [`debian`] puts together, which is used
//! straight away once it is there, so that a download that is known to fail on
//! this machine is not tried again at every build.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

pub(crate) use crate::compiler::TARGET;

use crate::command::{self, say};
use crate::compiler::{self, HostCompiler, rustc};
use crate::debian;

/// Set to `debian`, it makes the fallback even where it is not needed, to try it.
const FORCE: &str = "PATCHBOARD_GUEST_TOOLCHAIN";

/// How long rustup may take to download the target (about 20 MB).
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(60);

/// What has to be said to cargo so that it can build guests.
pub(crate) enum Toolchain {
    /// Nothing.
    Ordinary,
    /// To use another compiler.
    Compiler(PathBuf),
}

impl Toolchain {
    /// Finds the toolchain for guests, and makes one where there is none.
    pub(crate) fn find(root: &Path) -> Result<Self> {
        let forced = env::var_os(FORCE).is_some_and(|value| value == "debian");
        if !forced && has_target(root)? {
            return Ok(Self::Ordinary);
        }
        let compiler = HostCompiler::query(root)?;
        let place = debian::Place::for_compiler(&compiler)?;
        if let Some(rustc) = place.ready(&compiler)? {
            say(format!("using the toolchain for {TARGET} in {}", place.path().display()));
            return Ok(Self::Compiler(rustc));
        }
        let why =
            match if forced { Err(anyhow::anyhow!("{FORCE} asks for Debian's")) } else { add_target(root) } {
                Ok(()) if has_target(root)? => return Ok(Self::Ordinary),
                Ok(()) => anyhow::anyhow!("rustup says it is there, rustc does not find it"),
                Err(error) => error,
            };
        say(format!("the target {TARGET} cannot be had from rustup: {why:#}"));
        let rustc = place.build(&compiler).with_context(|| {
            format!(
                "no toolchain for guests: this machine has no target {TARGET}; run \
                 `rustup target add {TARGET}` where rustup can download it"
            )
        })?;
        Ok(Self::Compiler(rustc))
    }

    /// Makes `cargo` build with this toolchain.
    pub(crate) fn apply(&self, cargo: &mut Command) {
        match self {
            Self::Ordinary => compiler::build_guests(cargo, None),
            Self::Compiler(rustc) => compiler::build_guests(cargo, Some(rustc)),
        }
    }
}

/// The target triple of this machine.
pub(crate) fn host_triple(root: &Path) -> Result<String> {
    Ok(HostCompiler::query(root)?.host)
}

fn has_target(root: &Path) -> Result<bool> {
    let folder = command::output(rustc(root).args(["--print", "target-libdir", "--target", TARGET]))?;
    Ok(Path::new(folder.trim()).is_dir())
}

fn add_target(root: &Path) -> Result<()> {
    anyhow::ensure!(command::exists("rustup"), "there is no rustup");
    say(format!(
        "this machine has no target {TARGET}, for which guests are compiled; trying \
         `rustup target add {TARGET}`, for {} s at most",
        DOWNLOAD_LIMIT.as_secs()
    ));
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", TARGET]).current_dir(root);
    // A failure is expected here, and not worth a page of rustup's own frames.
    rustup.env("RUST_BACKTRACE", "0");
    command::run_within(&mut rustup, DOWNLOAD_LIMIT)
}
