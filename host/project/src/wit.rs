//! `patchboard wit`: the contract with handlers, out of the binary.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use crate::folder::write;

/// Arguments of `wit`.
#[derive(Debug, Args)]
pub struct Wit {
    /// The folder of the toolchain's WIT; made if need be
    dir: PathBuf,
}

macro_rules! contract {
    ($($file:literal,)*) => {
        /// The files of `wit/`, with what they say.
        pub(crate) const CONTRACT: &[(&str, &str)] = &[$(($file, include_str!(concat!("../../../wit/", $file))),)*];
    };
}

contract! {
    "blob.wit",
    "call.wit",
    "handler.wit",
    "key-value.wit",
    "outbound.wit",
    "sql.wit",
    "time.wit",
    "deps/wasi-blobstore-0.2.0-draft.wit",
    "deps/wasi-cli-0.2.12.wit",
    "deps/wasi-cli-0.3.0.wit",
    "deps/wasi-clocks-0.2.12.wit",
    "deps/wasi-clocks-0.3.0.wit",
    "deps/wasi-config-0.2.0-rc.1.wit",
    "deps/wasi-filesystem-0.2.12.wit",
    "deps/wasi-filesystem-0.3.0.wit",
    "deps/wasi-http-0.2.12.wit",
    "deps/wasi-http-0.3.0.wit",
    "deps/wasi-io-0.2.12.wit",
    "deps/wasi-keyvalue-0.2.0-draft2.wit",
    "deps/wasi-logging-0.1.0-draft.wit",
    "deps/wasi-random-0.2.12.wit",
    "deps/wasi-random-0.3.0.wit",
    "deps/wasi-sockets-0.2.12.wit",
    "deps/wasi-sockets-0.3.0.wit",
}

/// A world to begin with, which is its author's from then on.
const WORLD: &str = "\
package my:handler;

world handler {
    // Where the runtime cannot await an import: `service-futures`, and `sql-futures` below.
    include patchboard:handler/service@0.2.0;

    // What the operator is to grant:
    // import patchboard:handler/blob@0.2.0;
    // import patchboard:handler/key-value@0.2.0;
    // import patchboard:handler/outbound@0.2.0;
    // import patchboard:handler/sql@0.2.0;
}
";

/// Writes the contract, and the packages of WASI that it names, to `deps` in `folder`.
///
/// # Errors
///
/// If it cannot be written.
pub(crate) fn put(folder: &Path) -> anyhow::Result<()> {
    let deps = folder.join("deps");
    CONTRACT.iter().try_for_each(|(name, text)| {
        let file = match name.strip_prefix("deps/") {
            Some(of_wasi) => deps.join(of_wasi),
            None => deps.join("patchboard-handler").join(name),
        };
        write(&file, text)
    })
}

impl Wit {
    /// Writes it, and says what was written.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn run(&self) -> anyhow::Result<()> {
        put(&self.dir)?;
        let has_world = fs::read_dir(&self.dir)
            .with_context(|| format!("cannot read {}", self.dir.display()))?
            .flatten()
            .any(|entry| entry.path().extension().is_some_and(|extension| extension == "wit"));
        if !has_world {
            write(&self.dir.join("world.wit"), WORLD)?;
        }
        let world =
            if has_world { "; its own files are as they were" } else { ", and a world to begin with" };
        println!("{}: patchboard:handler 0.2 and WASI's packages in deps/{world}", self.dir.display());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn files(folder: &Path, prefix: &str) -> BTreeSet<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let names = entries.map(|name| name.into_string().unwrap()).filter(|name| name.ends_with(".wit"));
        names.map(|name| format!("{prefix}{name}")).collect()
    }

    #[test]
    fn it_has_every_file() {
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        let mut all = files(&wit, "");
        all.extend(files(&wit.join("deps"), "deps/"));
        assert_eq!(CONTRACT.iter().map(|(name, _)| (*name).to_owned()).collect::<BTreeSet<_>>(), all);
    }

    #[test]
    fn what_is_the_authors_stays() {
        let folder = tempfile::tempdir().unwrap();
        let wit = Wit { dir: folder.path().join("a/b") };
        wit.run().unwrap();
        let read = |file: &str| fs::read_to_string(wit.dir.join(file)).unwrap();
        assert!(read("deps/wasi-random-0.3.0.wit").starts_with("package wasi:random@0.3.0;"));
        assert!(read("deps/patchboard-handler/handler.wit").starts_with("package patchboard:handler@0.2.0;"));
        assert_eq!(read("world.wit"), WORLD);
        fs::write(wit.dir.join("world.wit"), "package my:own;").unwrap();
        fs::write(wit.dir.join("deps/patchboard-handler/sql.wit"), "old").unwrap();
        wit.run().unwrap();
        assert_eq!(read("world.wit"), "package my:own;");
        assert!(read("deps/patchboard-handler/sql.wit").starts_with("package patchboard:handler@0.2.0;"));
    }
}
