//! A PostgreSQL server of the test's own.
//!
//! Its programs come with Debian's package `postgresql`; `cargo xtask test` installs
//! it. The server refuses to run as root, and then runs as the user the package makes.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use crate::Output;

const REMEDY: &str = "install it, on Debian with `sudo apt-get install postgresql`, or run `cargo xtask test`, \
     which does so first";

/// A PostgreSQL server. It ends where the value is dropped.
#[derive(Debug)]
pub struct Postgres {
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

impl Postgres {
    /// Makes a new, empty server and waits until it accepts connections.
    ///
    /// # Panics
    ///
    /// With what it wrote, if it does not start; with the remedy, if there is none.
    #[track_caller]
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("patchboard-postgres-").tempdir().expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).expect("it is ours");
        if let Some((uid, gid)) = user() {
            chown(folder.path(), Some(uid), Some(gid)).expect("root may give it away");
        }
        let mut initdb = command("initdb");
        initdb.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        let made = initdb.arg("-D").arg(folder.path().join("data")).output().expect("initdb can be run");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
        let mut postgres = Self { folder, port: port.port(), process: None };
        postgres.resume();
        postgres
    }

    /// The URL of its database `postgres`.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    /// Ends it at once: what is under way is lost, as if it had crashed.
    pub fn kill(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        // Unlike with SIGKILL, its other processes end before it, and without leaving
        // shared memory behind.
        if let Some(pid) = Pid::from_raw(process.id().cast_signed()) {
            kill_process(pid, Signal::QUIT).ok();
        }
        process.wait().ok();
    }

    /// Starts it again, on the same port and with the same data.
    ///
    /// # Panics
    ///
    /// With what it wrote, if it does not start.
    #[track_caller]
    pub fn resume(&mut self) {
        let mut server = command("postgres");
        server.arg("-D").arg(self.folder.path().join("data"));
        server.arg("-k").arg(self.folder.path()).args(["-p", &self.port.to_string()]);
        server.args(["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200"]);
        server.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = server.spawn().expect("postgres can be run");
        let (_, log) = Output::of(&mut process);
        self.process = Some(process);
        log.wait_for("ready to accept connections");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A program of PostgreSQL's, to be run by whom it accepts.
#[track_caller]
fn command(program: &str) -> Command {
    let mut command = Command::new(find(program));
    // Not where root is, which others may not enter.
    command.current_dir("/");
    if let Some((uid, gid)) = user() {
        command.uid(uid).gid(gid);
    }
    command
}

/// On Debian the servers' programs are in no folder of PATH.
#[track_caller]
fn find(program: &str) -> PathBuf {
    let mut found: Vec<_> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|version| Some(version.ok()?.path().join("bin").join(program)))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    found
        .pop()
        .or_else(|| std::env::split_paths(&path).map(|dir| dir.join(program)).find(|path| path.exists()))
        .unwrap_or_else(|| panic!("there is no PostgreSQL ({program}); {REMEDY}"))
}

/// Who runs the server where we are root.
fn user() -> Option<(u32, u32)> {
    if !geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("the users can be read");
    let of = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    Some(of("postgres").or_else(|| of("nobody")).expect("a user other than root"))
}
