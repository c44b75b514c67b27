//! Programs of the machine that a step needs: there already, or installed from
//! Debian's packages where this runs as root, or named with how to install them.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::apt::Apt;
use crate::command::{self, say};

/// How long apt may take for its lists, and for the packages.
const LIMIT: Duration = Duration::from_secs(300);

/// Something that Debian's packages bring.
pub(crate) struct Need<'a> {
    /// What is needed, and what for: `Python 3 with its module venv, for the tests`.
    pub(crate) what: &'a str,
    /// The packages that bring it.
    pub(crate) packages: &'a [&'a str],
}

impl Need<'_> {
    /// What `find` finds, after the packages were installed if it found nothing.
    pub(crate) fn or_install<T>(&self, find: impl Fn() -> Option<T>) -> Result<T> {
        if let Some(found) = find() {
            return Ok(found);
        }
        if !is_root() || !command::exists("apt-get") {
            bail!(self.remedy());
        }
        say(format!("installing {}: {}", self.packages.join(", "), self.what));
        Apt::system().install(self.packages, LIMIT).with_context(|| self.remedy())?;
        find().with_context(|| format!("{}, though apt-get has installed it", self.remedy()))
    }

    fn remedy(&self) -> String {
        let packages = self.packages.join(" ");
        format!(
            "this machine lacks {}; install it, on Debian with `sudo apt-get install {packages}`",
            self.what
        )
    }
}

/// Whether this runs as root: who owns what the kernel tells of this process.
fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEED: Need<'_> = Need { what: "a frobnicator, for the tests", packages: &["frob", "frob-data"] };

    #[test]
    fn what_is_there_is_not_installed() -> Result<()> {
        assert_eq!(NEED.or_install(|| Some("frob"))?, "frob");
        Ok(())
    }

    #[test]
    fn what_is_missing_is_named_with_its_remedy() {
        assert_eq!(
            NEED.remedy(),
            "this machine lacks a frobnicator, for the tests; install it, on Debian with \
             `sudo apt-get install frob frob-data`"
        );
    }
}
