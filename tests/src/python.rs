//! Programs of `tests/aiohttp/`, run by the Python that has aiohttp: for an answer,
//! or as a server that ours is compared with.
//!
//! `cargo xtask python` makes that Python, from what `tests/aiohttp/requirements.txt`
//! pins. It is never made here, so that a test neither downloads nor waits for it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::{Connection, Output, wait_until};

const REMEDY: &str = "make it with `cargo xtask python`, or run `cargo xtask test`, which does so first";

/// A server written in Python. It ends where the value is dropped, and by itself
/// where the test program is killed.
#[derive(Debug)]
pub struct PythonServer {
    _process: Process,
    address: SocketAddr,
    version: (u32, u32),
}

impl PythonServer {
    /// Starts `tests/aiohttp/PROGRAM` and waits until it accepts connections.
    ///
    /// # Panics
    ///
    /// With what it wrote, if it does not start.
    #[track_caller]
    pub fn start(program: &str, arguments: &[&Path]) -> Self {
        // It reads its standard input, which ends with this process at the latest.
        let process = Process::start(program, arguments, Stdio::piped());
        let first = process.output.after(ANNOUNCED);
        let Some((address, version)) = first.as_deref().and_then(announced) else {
            panic!("{program} did not start: {first:?}");
        };
        Self { _process: process, address, version }
    }

    /// Connects to it.
    #[track_caller]
    pub fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    /// The version of Python that runs it: major and minor.
    pub fn version(&self) -> (u32, u32) {
        self.version
    }
}

/// Runs `tests/aiohttp/PROGRAM` to its end and gives what it wrote.
///
/// # Panics
///
/// If it fails, or does not end within [`PATIENCE`](crate::PATIENCE).
#[track_caller]
pub fn python(program: &str, arguments: &[&Path]) -> String {
    let mut process = Process::start(program, arguments, Stdio::null());
    let text = process.output.wait_closed().join("\n");
    let mut status = None;
    wait_until("Python has ended", || {
        status = process.child.try_wait().expect("Python is our child");
        status.is_some()
    });
    assert!(status.is_some_and(|status| status.success()), "{program}: {status:?}");
    text
}

/// The path of `tests/aiohttp/FILE`.
pub fn aiohttp_file(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("aiohttp").join(file)
}

/// A process that is killed where the value is dropped.
#[derive(Debug)]
struct Process {
    child: Child,
    output: Output,
    log: Output,
}

impl Process {
    #[track_caller]
    fn start(program: &str, arguments: &[&Path], input: Stdio) -> Self {
        let mut python = Command::new(interpreter());
        // Isolated from variables and from what the user has installed; UTF-8 in any locale.
        python.args(["-I", "-X", "utf8"]).arg(aiohttp_file(program)).args(arguments);
        python.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = python.spawn().expect("Python can be run");
        let (output, log) = Output::of(&mut child);
        Self { child, output, log }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Has it ended by itself, there is nothing to kill.
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            eprintln!("Python's log:\n{}", self.log.wait_closed().join("\n"));
        }
    }
}

/// The Python that has what `requirements.txt` pins, now and not once.
#[track_caller]
fn interpreter() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target").join("python");
    let wanted = fs::read(aiohttp_file("requirements.txt")).expect("the requirements can be read");
    let Ok(made) = fs::read(folder.join("requirements.txt")) else {
        panic!("there is no Python with aiohttp in {}; {REMEDY}", folder.display());
    };
    assert!(
        made == wanted,
        "the Python in {} has other packages than are pinned; {REMEDY}",
        folder.display()
    );
    folder.join("bin/python")
}

/// What it begins the line with that says where it listens.
const ANNOUNCED: &str = "listening on http://";

/// `127.0.0.1:1234 with Python 3.11.7`
fn announced(line: &str) -> Option<(SocketAddr, (u32, u32))> {
    let (address, version) = line.split_once(" with Python ")?;
    let mut numbers = version.split('.').map(str::parse);
    Some((address.parse().ok()?, (numbers.next()?.ok()?, numbers.next()?.ok()?)))
}
