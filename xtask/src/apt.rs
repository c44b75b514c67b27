//! Asking apt about packages and downloading them, without installing any and
//! without root; and installing some, as root.
//!
//! [`Apt::system`] uses the package lists of the machine as they are;
//! [`Apt::private`] downloads lists of its own into a folder, so that old or
//! missing ones of the machine neither matter nor change.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::command::{self, say};

/// apt with certain package lists.
pub(crate) struct Apt {
    options: Vec<OsString>,
}

impl Apt {
    /// apt with the lists of the machine.
    pub(crate) fn system() -> Self {
        let options = [
            // As root, apt downloads as the user `_apt`, who may not write to
            // root's cache folder, and warns of it each time.
            "APT::Sandbox::User=root",
            "Acquire::Retries=2",
            "Acquire::http::Timeout=30",
            "Acquire::https::Timeout=30",
        ];
        Self { options: options.iter().flat_map(|option| ["-o".into(), option.into()]).collect() }
    }

    /// apt with fresh lists of its own in `folder`.
    pub(crate) fn private(folder: &Path) -> Result<Self> {
        let mut apt = Self::system();
        for (key, name, partial) in [
            ("Dir::State", "state", "state/lists/partial"),
            ("Dir::Cache", "cache", "cache/archives/partial"),
        ] {
            let partial = folder.join(partial);
            fs::create_dir_all(&partial)
                .with_context(|| format!("could not create {}", partial.display()))?;
            let mut option = OsString::from(format!("{key}="));
            option.push(folder.join(name));
            apt.options.extend(["-o".into(), option]);
        }
        apt.options.extend(["-o".into(), "Dir::State::status=/var/lib/dpkg/status".into()]);
        command::run_aside(apt.command("apt-get").args(["-qq", "update"]))?;
        Ok(apt)
    }

    /// The version of `package` that would be installed, if there is one.
    pub(crate) fn candidate(&self, package: &str) -> Result<Option<String>> {
        let policy = command::output(self.command("apt-cache").args(["policy", package]))?;
        Ok(candidate(&policy).map(str::to_owned))
    }

    /// The packages that `package` names as needed.
    pub(crate) fn depends(&self, package: &str) -> Result<Vec<String>> {
        let text = command::output(self.command("apt-cache").args(["depends", "-i", package]))?;
        Ok(depends(&text).into_iter().map(str::to_owned).collect())
    }

    /// `package` and all it needs, without what is installed on this machine.
    pub(crate) fn missing(&self, package: &str) -> Result<Vec<String>> {
        let all = command::output(self.command("apt-cache").args(["depends", "-i", "--recurse", package]))?;
        let installed = command::output(Command::new("dpkg-query").args([
            "-W",
            "-f",
            "${Package} ${db:Status-Status}\\n",
        ]))?;
        Ok(missing(&all, &installed).into_iter().map(str::to_owned).collect())
    }

    /// Downloads `packages` (names, or `name=version`) into `folder`.
    pub(crate) fn download(&self, packages: &[String], folder: &Path) -> Result<()> {
        let mut apt = self.command("apt-get");
        apt.args(["-q", "download"]).args(packages).current_dir(folder);
        command::run_aside(&mut apt)
    }

    /// Installs `packages`, and only what they need. Takes `limit` at most for the
    /// lists, and again for the packages.
    pub(crate) fn install(&self, packages: &[&str], limit: Duration) -> Result<()> {
        // Lists that are old or missing may do all the same; if not, the next says so.
        if let Err(error) = command::run_within(self.command("apt-get").args(["-qq", "update"]), limit) {
            say(format!("going on with the package lists as they are: {error:#}"));
        }
        let mut apt = self.command("apt-get");
        // Somebody else may be installing just now.
        apt.args(["-o", "DPkg::Lock::Timeout=60", "-qq", "install", "-y", "--no-install-recommends"]);
        command::run_within(apt.args(packages), limit)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.args(&self.options).env("LC_ALL", "C").env("DEBIAN_FRONTEND", "noninteractive");
        command
    }
}

/// The candidate in what `apt-cache policy PACKAGE` writes.
fn candidate(policy: &str) -> Option<&str> {
    let version = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "))?;
    (version != "(none)").then_some(version)
}

/// The packages in what `apt-cache depends PACKAGE` writes, without virtual ones.
fn depends(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.trim().trim_start_matches('|').strip_prefix("Depends: "))
        .filter(|name| !name.starts_with('<'))
        .collect()
}

/// The packages that head a paragraph of `apt-cache depends --recurse` and are
/// not listed as installed.
fn missing<'a>(all: &'a str, installed: &str) -> Vec<&'a str> {
    let installed: BTreeSet<_> =
        installed.lines().filter_map(|line| line.strip_suffix(" installed")).collect();
    all.lines()
        .filter(|line| !line.is_empty() && !line.starts_with([' ', '<']))
        .filter(|name| !installed.contains(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidate_of_a_policy() {
        for (policy, expected) in [
            (
                "rustc-web:\n  Installed: (none)\n  Candidate: 1.96.0+dfsg1-1~deb12u2\n  \
                 Version table:\n     1.96.0+dfsg1-1~deb12u2 500\n",
                Some("1.96.0+dfsg1-1~deb12u2"),
            ),
            ("rustc-web:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n", None),
            ("", None),
        ] {
            assert_eq!(candidate(policy), expected, "{policy:?}");
        }
    }

    #[test]
    fn depends_without_virtual_packages() {
        let text = "rustc-web\n  Depends: libc6\n |Depends: gcc\n  Depends: <libc-dev>\n    \
                    libc6-dev\n  Conflicts: rustc\n  Recommends: cargo-web\n";
        assert_eq!(depends(text), ["libc6", "gcc"]);
        assert_eq!(
            depends("libstd-rust-web-dev\n  Depends: libstd-rust-web-1.96\n"),
            ["libstd-rust-web-1.96"]
        );
        assert!(depends("").is_empty());
    }

    #[test]
    fn missing_leaves_out_what_is_installed() {
        let all = "libstd-rust-web-1.96\n  Depends: libc6\n  Depends: libllvm22\nlibc6\n\
                   libllvm22\n  Depends: libz3-4\n<libc-virtual>\nlibz3-4\n";
        let installed = "libc6 installed\nlibz3-4 config-files\nzlib1g installed\n";
        assert_eq!(missing(all, installed), ["libstd-rust-web-1.96", "libllvm22", "libz3-4"]);
        assert!(missing("", installed).is_empty());
    }
}
