//! A Redis of the test's own: in a folder of its own, on a port of its own.
//!
//! It writes every change down before it answers, so that what it has acknowledged is
//! there again after it was killed and restarted.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{Connection, Output};

const REMEDY: &str =
    "install Debian's redis-server, or run the tests by `cargo xtask test`, which does so first";

/// A running Redis. It is killed where the value is dropped.
#[derive(Debug)]
pub struct Redis {
    dir: TempDir,
    address: SocketAddr,
    tls: bool,
    child: Option<Child>,
}

impl Redis {
    /// Starts one that is empty, and waits until it answers.
    ///
    /// # Panics
    ///
    /// If it does not start.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(false)
    }

    /// Likewise one that speaks TLS, with a certificate that only
    /// [`Redis::certificate`] vouches for.
    ///
    /// # Panics
    ///
    /// If it does not start.
    #[track_caller]
    pub fn start_with_tls() -> Self {
        Self::start_with(true)
    }

    #[track_caller]
    fn start_with(tls: bool) -> Self {
        let dir = tempfile::Builder::new().prefix("patchboard-redis-").tempdir().expect("a temporary folder");
        // Redis cannot be told to take any free port; this one was free a moment ago.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        drop(listener);
        if tls {
            let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
            fs::write(dir.path().join("tls.crt"), made.cert.pem()).expect("a file can be written");
            fs::write(dir.path().join("tls.key"), made.signing_key.serialize_pem())
                .expect("a file can be written");
        }
        let mut redis = Self { dir, address, tls, child: None };
        redis.restart();
        redis
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.tls { "rediss" } else { "redis" }, self.address)
    }

    /// The file of its certificate.
    pub fn certificate(&self) -> PathBuf {
        self.dir.path().join("tls.crt")
    }

    /// Kills it, as a machine that fails would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }

    /// Lets it answer nobody, without closing a connection.
    ///
    /// # Panics
    ///
    /// If it does not run.
    #[track_caller]
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on after [`Redis::freeze`].
    ///
    /// # Panics
    ///
    /// If it does not run.
    #[track_caller]
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    #[track_caller]
    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("redis runs");
        kill_process(Pid::from_child(child), signal).expect("redis runs");
    }

    /// Starts it again after [`Redis::kill`], on the same port, with what it had.
    ///
    /// # Panics
    ///
    /// If it does not start.
    #[track_caller]
    pub fn restart(&mut self) {
        self.kill();
        let mut command = Command::new("redis-server");
        let port = self.address.port().to_string();
        if self.tls {
            command.args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"]);
            command.args(["--tls-cert-file", "tls.crt", "--tls-key-file", "tls.key"]);
            command.args(["--tls-ca-cert-file", "tls.crt"]);
        } else {
            command.args(["--port", &port]);
        }
        command.args(["--bind", "127.0.0.1"]).current_dir(self.dir.path());
        command.args(["--save", "", "--appendonly", "yes", "--appendfsync", "no"]);
        command.arg("--dir").arg(self.dir.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let Ok(mut child) = command.spawn() else { panic!("redis-server cannot be started; {REMEDY}") };
        let (log, _) = Output::of(&mut child);
        self.child = Some(child);
        log.wait_for("Ready to accept connections");
    }

    /// Sends a command as `redis-cli` would, and gives the first line of its answer.
    ///
    /// # Panics
    ///
    /// If it does not answer.
    #[track_caller]
    pub fn command(&self, command: &str) -> String {
        let mut connection = Connection::open(self.address);
        connection.send(format!("{command}\r\n"));
        connection.line().expect("redis answers")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
