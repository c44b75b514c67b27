//! Servers that take part, a file each. A subject says what it needs installed, and
//! starts on a free port, with as many threads or workers as the others.

pub(crate) mod aiohttp;
pub(crate) mod native;
pub(crate) mod nginx;
pub(crate) mod patchboard;
pub(crate) mod wasmtime;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::access_log::AccessLog;
use crate::answer::Answer;
use crate::request::Request;
use crate::tool::{Need, Package, Tools};

/// Threads or workers that each subject has.
pub(crate) const WORKERS: usize = 2;

/// How long a subject may take to listen, and to give its first answer: it may have
/// thousands of handlers to load, or compile one without a cache.
const START_PATIENCE: Duration = Duration::from_secs(300);

/// How long it may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server that can be started.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) needs: &'static [Need],
    pub(crate) start: fn(&Setting<'_>) -> Result<Running>,
}

/// What a subject is started with.
#[derive(Debug)]
pub(crate) struct Setting<'a> {
    pub(crate) tools: &'a Tools,
    /// A folder for the subject's own files.
    pub(crate) folder: PathBuf,
    /// The folder it serves.
    pub(crate) site: PathBuf,
    pub(crate) access_log: AccessLog,
}

impl Setting<'_> {
    /// The file of a component.
    pub(crate) fn component(&self, name: &str) -> Result<PathBuf> {
        let mut files = self.tools.components.iter().map(|folder| folder.join(format!("{name}.wasm")));
        files.find(|file| file.is_file()).with_context(|| format!("the component {name} is not built"))
    }
}

/// A server that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    address: SocketAddr,
    /// What it asks itself, if it does.
    behind: Option<Box<Running>>,
}

impl Running {
    /// Starts `command`, which will listen on `address`, and waits until it does.
    pub(crate) fn start(command: &mut Command, address: SocketAddr) -> Result<Self> {
        // Whoever runs the benchmark may have asked for backtraces, which servers in
        // production capture for no error.
        command.env_remove("RUST_BACKTRACE").env_remove("RUST_LIB_BACKTRACE");
        let child = command.stdin(Stdio::null()).spawn().context("could not start the program")?;
        let mut running = Self { child, address, behind: None };
        let deadline = Instant::now() + START_PATIENCE;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = running.child.try_wait()? {
                bail!("it ended with {status}");
            }
            if Instant::now() > deadline {
                bail!("it does not listen on {address}");
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(running)
    }

    /// Keeps `other` for as long as this runs.
    pub(crate) fn asking(mut self, other: Self) -> Self {
        self.behind = Some(Box::new(other));
        self
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process that all others of the subject come from.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What `request` is answered with.
    pub(crate) fn ask(&self, request: &Request) -> Result<Answer> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(START_PATIENCE))?;
        stream.write_all(&request.bytes(self.address))?;
        let (mut answer, mut buffer) = (Vec::new(), vec![0; 1 << 20]);
        loop {
            let read = stream.read(&mut buffer).with_context(|| {
                format!("it did not answer {} within {} s", request.path(0), START_PATIENCE.as_secs())
            })?;
            answer.extend_from_slice(buffer.get(..read).unwrap_or_default());
            match Answer::parse(&answer)? {
                Some(answer) => return Ok(answer),
                None if read == 0 => bail!("its answer to {} is not complete", request.path(0)),
                None => {}
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Where nobody can be told of a failure; at the worst it is killed.
        kill_process(Pid::from_child(&self.child), Signal::TERM).ok();
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                self.child.kill().ok();
                self.child.wait().ok();
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// `program` as a process that ends with this one, however this one ends; where
/// util-linux has no `setpriv`, only if it ends in an orderly way.
pub(crate) fn command(program: &Path) -> Command {
    const SETPRIV: Package = Package { name: "util-linux", program: "setpriv" };
    let Some(setpriv) = SETPRIV.find() else { return Command::new(program) };
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig", "TERM", "--"]).arg(program);
    command
}

/// An address for servers that cannot take port 0 and say which they got. Somebody
/// else might take it meanwhile; the subject then fails to start.
pub(crate) fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("could not find a free port")?;
    Ok(listener.local_addr()?)
}
