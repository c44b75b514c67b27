//! The process that a guest seems to run in: variables, and folders as its file system.

pub(super) mod host;
pub(crate) mod keys;
mod still_clock;

use std::time::SystemTime;

use wasmtime::error::Context as _;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use self::keys::{Config, FolderConfig};
use self::still_clock::StillClock;
use super::grant::{Grant, Grantee, Wanted};

/// Variables and folders.
pub(in crate::handlers) struct Environment(Config);

impl Grant for Environment {
    const IMPORTS: &'static [&'static str] = &["wasi:cli/environment@", "wasi:filesystem/"];
    type Shared = ();

    fn check_shared(wanted: &Wanted<'_>) -> Result<(), String> {
        if wanted.config.environment.folders.is_empty() {
            return Ok(());
        }
        Err(format!(
            "has folders, and a file that is waited for would hold every call of a shared instance; \
             set isolation = \"request\" or \"reuse\" in [handlers.{}]",
            wanted.handler
        ))
    }

    fn grant(to: &Grantee<'_>, _: &()) -> Self {
        Self(to.config.environment.clone())
    }
}

impl Environment {
    /// Gives it to a store; its wall clock may stand still at `clock`.
    ///
    /// # Errors
    ///
    /// If a folder cannot be opened.
    pub(in crate::handlers) fn give(
        &self,
        wasi: &mut WasiCtxBuilder,
        clock: Option<SystemTime>,
    ) -> wasmtime::Result<()> {
        if let Some(moment) = clock {
            wasi.wall_clock(StillClock::at(moment));
        }
        // Sockets are linked, but nothing may be done with them.
        wasi.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
        for (name, value) in &self.0.variables {
            wasi.env(name, value.reveal());
        }
        for FolderConfig { path, dir, writable } in &self.0.folders {
            let power = if *writable { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
            wasi.preopened_dir(dir, path, power).with_context(|| format!("folder {}", dir.display()))?;
        }
        Ok(())
    }
}
