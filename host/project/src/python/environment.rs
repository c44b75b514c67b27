//! The Python of a project: a virtual environment with componentize-py, and the packages that a
//! handler needs, all of them in the project's own folder `.patchboard`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::folder::{replace, write};

/// What makes components, of the version that this program was tested with.
pub(crate) const COMPONENTIZE: &str = "componentize-py==0.25.1";
/// Names a Python that has it; no environment is made then.
const VARIABLE: &str = "PATCHBOARD_PYTHON";
/// Where a Python may be.
const PROGRAMS: [&str; 2] = ["python3", "/usr/bin/python3"];
/// Fails where an environment cannot be made. Debian has `ensurepip` in a package of its own.
const USABLE: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";
/// What is needed, and how it is to be had.
pub(crate) const REMEDY: &str = "install Python 3.11 or later with its module venv (Debian: apt install python3-venv; \
                                 Fedora: dnf install python3; macOS: brew install python)";
/// What an environment is not to have a part in: other modules than its own.
const ISOLATED: &str = "-I";

/// The Python that builds handlers.
pub(crate) struct Environment {
    python: PathBuf,
}

/// A Python of this machine that can make environments.
pub(crate) fn base() -> Option<&'static str> {
    PROGRAMS.into_iter().find(|program| {
        let mut command = Command::new(program);
        command
            .args([ISOLATED, "-c", USABLE])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    })
}

/// Whether the environment in a project's `.patchboard` is as it should be.
pub(crate) fn is_made(hidden: &Path) -> bool {
    fs::read_to_string(stamp(hidden)).is_ok_and(|made| made == COMPONENTIZE)
}

fn stamp(hidden: &Path) -> PathBuf {
    hidden.join("venv/patchboard.txt")
}

impl Environment {
    /// That of the project with the folder `hidden`; made, with what it needs from PyPI, where it
    /// is not there.
    ///
    /// # Errors
    ///
    /// What is missing, and how it is to be had.
    pub(crate) fn of(hidden: &Path) -> Result<Self> {
        if let Some(python) = std::env::var_os(VARIABLE) {
            return Ok(Self { python: python.into() });
        }
        let folder = hidden.join("venv");
        let environment = Self { python: folder.join("bin/python") };
        if is_made(hidden) && environment.python.exists() {
            return Ok(environment);
        }
        let Some(base) = base() else { bail!("there is no Python that can build handlers; {REMEDY}") };
        eprintln!("getting {COMPONENTIZE} into {} (once)", folder.display());
        fs::remove_dir_all(&folder).ok();
        run(Command::new(base).args([ISOLATED, "-m", "venv"]).arg(&folder))
            .with_context(|| format!("cannot make the environment {}", folder.display()))?;
        write(&folder.join(".gitignore"), "*\n")?;
        environment.install([COMPONENTIZE.as_ref()]).with_context(|| {
            format!("pip cannot get {COMPONENTIZE}; it needs PyPI, or a mirror that pip is configured for")
        })?;
        replace(&stamp(hidden), COMPONENTIZE.as_bytes())?;
        Ok(environment)
    }

    /// Its Python, isolated.
    pub(crate) fn python(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(ISOLATED).stdin(Stdio::null());
        command
    }

    /// Its componentize-py.
    pub(crate) fn componentize(&self) -> Command {
        let mut command = Command::new(self.python.with_file_name("componentize-py"));
        // Neither a backtrace of the toolchain's own is wanted, nor modules of another environment.
        command
            .env("RUST_BACKTRACE", "0")
            .env_remove("VIRTUAL_ENV")
            .env_remove("PYTHONPATH")
            .stdin(Stdio::null());
        command
    }

    fn install<'a>(&self, arguments: impl IntoIterator<Item = &'a OsStr>) -> Result<()> {
        let mut pip = self.python();
        pip.args(["-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]);
        run(pip.args(arguments))
    }

    /// The folder with the packages that `requirements` name; none where there is no such file.
    ///
    /// What was installed for it is written to `requirements.lock` beside it, and installed from
    /// there until `requirements.txt` changes.
    ///
    /// # Errors
    ///
    /// If they cannot be had.
    pub(crate) fn packages(&self, requirements: &Path, folder: &Path) -> Result<Option<PathBuf>> {
        let Ok(wanted) = fs::read_to_string(requirements) else { return Ok(None) };
        if !wanted.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')) {
            return Ok(None);
        }
        let lock = requirements.with_extension("lock");
        let head = head(&wanted);
        let locked = fs::read_to_string(&lock).ok().filter(|text| text.starts_with(&head));
        let stamp = folder.join("patchboard.txt");
        if let Some(text) = &locked
            && fs::read_to_string(&stamp).is_ok_and(|made| made == *text)
        {
            return Ok(Some(folder.to_owned()));
        }
        eprintln!("getting what {} names into {}", requirements.display(), folder.display());
        fs::remove_dir_all(folder).ok();
        let target: [&OsStr; 3] = ["--target".as_ref(), folder.as_ref(), "--requirement".as_ref()];
        let installed = match &locked {
            Some(_) => self.install(target.into_iter().chain([lock.as_ref(), "--no-deps".as_ref()])),
            None => self.install(target.into_iter().chain([requirements.as_ref()])),
        };
        installed.with_context(|| {
            format!(
                "pip cannot install {}; it needs PyPI, or a mirror that pip is configured for",
                requirements.display()
            )
        })?;
        let text = match locked {
            Some(text) => text,
            None => {
                let text = head + &self.frozen(folder)?;
                replace(&lock, text.as_bytes())?;
                text
            }
        };
        let compiled = without_compiled(folder)?;
        if !compiled.is_empty() {
            eprintln!(
                "{}: compiled parts are left out, as a component has none; it works where there is the same in Python",
                compiled.join(", ")
            );
        }
        write(&folder.join(".gitignore"), "*\n")?;
        replace(&stamp, text.as_bytes())?;
        Ok(Some(folder.to_owned()))
    }

    /// Each package of a folder with its version, a line each.
    fn frozen(&self, folder: &Path) -> Result<String> {
        let mut pip = self.python();
        pip.args(["-m", "pip", "--disable-pip-version-check", "freeze", "--path"]).arg(folder);
        let output = pip.output().context("cannot run pip")?;
        if !output.status.success() {
            bail!("pip cannot say what it has installed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// The first lines of a lock file, which say of which requirements it is.
fn head(wanted: &str) -> String {
    let mut text =
        "# Made by `patchboard build` of requirements.txt, and made anew when that changes:\n".to_owned();
    text.extend(wanted.lines().map(|line| format!("#   {line}\n")));
    text
}

/// Removes what a component cannot load, and names whose it was.
fn without_compiled(folder: &Path) -> Result<Vec<String>> {
    let (mut owners, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).with_context(|| format!("cannot read {}", next.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "so" || extension == "pyd") {
                let inside = path.strip_prefix(folder).unwrap_or(&path);
                let owner = inside.iter().next().unwrap_or_default().to_string_lossy();
                owners.push(owner.split('.').next().unwrap_or_default().to_owned());
                fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
    }
    owners.sort();
    owners.dedup();
    Ok(owners)
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot run {program}"))?;
    if !status.success() {
        bail!("{program} has failed ({status}); what it says is above");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_of_its_requirements() {
        assert!(head("jinja2\n").ends_with("changes:\n#   jinja2\n"));
        assert!(!head("jinja2\nother\n").starts_with(&head("jinja3\n")));
    }

    #[test]
    fn compiled_parts_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["markupsafe/__init__.py", "markupsafe/_speedups.cpython-311.so", "_one.cpython-311.so"] {
            write(&folder.path().join(file), "").unwrap();
        }
        assert_eq!(without_compiled(folder.path()).unwrap(), ["_one", "markupsafe"]);
        assert!(folder.path().join("markupsafe/__init__.py").exists());
        assert!(!folder.path().join("_one.cpython-311.so").exists());
    }
}
