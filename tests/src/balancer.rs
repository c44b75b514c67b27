//! A load balancer, nginx or HAProxy, in front of servers, as docs/deploying.md has it.
//!
//! Debian's packages `nginx-light` and `haproxy` bring them; `cargo xtask test` installs
//! both.

use std::fmt::Write as _;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use crate::{Client, wait_until};

/// How each is configured, printed in the docs and run here.
const DOCS: &str = include_str!("../../docs/deploying.md");

/// A load balancer in front of servers. It ends where the value is dropped.
#[derive(Debug)]
pub struct Balancer {
    process: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Balancer {
    /// Starts nginx, and waits until it accepts connections. As nginx does by itself, it
    /// asks another server where one cannot be reached, but for requests that change
    /// something, which may have been done.
    ///
    /// # Panics
    ///
    /// If there is no nginx.
    #[track_caller]
    pub fn nginx(servers: &[SocketAddr]) -> Self {
        let user = if geteuid().is_root() { "user root;\n" } else { "" };
        let mut temporary = String::new();
        for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
            writeln!(temporary, "{kind}_temp_path {kind};").expect("a string can be written");
        }
        Self::start("nginx", "nginx-light", &["-p", ".", "-e", "stderr", "-c"], |address| {
            let site = documented("nginx", servers, &[("listen 443 ssl;", format!("listen {address};"))]);
            format!(
                "daemon off; worker_processes 1; pid nginx.pid; error_log stderr;\n{user}events {{}}\n\
                 http {{\naccess_log off;\n{temporary}{site}}}\n"
            )
        })
    }

    /// Starts HAProxy, and waits until it accepts connections.
    ///
    /// # Panics
    ///
    /// If there is no HAProxy.
    #[track_caller]
    pub fn haproxy(servers: &[SocketAddr]) -> Self {
        let started = Self::start("haproxy", "haproxy", &["-q", "-f"], |address| {
            documented(
                "haproxy",
                servers,
                &[
                    ("bind :443 ssl crt /etc/haproxy/site.pem", format!("bind {address}")),
                    // The servers of the tests answer probes among other requests.
                    (" port 9090", String::new()),
                ],
            )
        });
        // A server counts as down until it is found ready.
        wait_until("HAProxy finds a server ready", || {
            Client::new().try_get(&started.url("/-/live"), &[]).is_ok_and(|reply| reply.status != 503)
        });
        started
    }

    #[track_caller]
    fn start(
        program: &str,
        package: &str,
        arguments: &[&str],
        config: impl FnOnce(SocketAddr) -> String,
    ) -> Self {
        let folder = tempfile::Builder::new().prefix("patchboard-balancer-").tempdir().expect("a folder");
        let address =
            TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
        fs::write(folder.path().join("balancer.conf"), config(address)).expect("a file can be written");
        // Servers are in `sbin`, which only root's PATH has on Debian.
        let debian = Path::new("/usr/sbin").join(program);
        let mut command = Command::new(if debian.exists() { &debian } else { Path::new(program) });
        command.current_dir(&folder).args(arguments).arg("balancer.conf").stdin(Stdio::null());
        let process = command.spawn().unwrap_or_else(|error| {
            panic!(
                "no {program}: {error}; install it, on Debian with `sudo apt-get install {package}`, or run \
                 `cargo xtask test`, which does so first"
            )
        });
        wait_until("the balancer accepts connections", || TcpStream::connect(address).is_ok());
        Self { process, address, _folder: folder }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://` and its address, and `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        // Its worker ends when it finds the master gone.
        kill_process(Pid::from_child(&self.process), Signal::TERM).ok();
        self.process.wait().ok();
    }
}

/// The configuration in the docs for `language`, with these servers, and with what stands
/// for a real site replaced.
fn documented(language: &str, servers: &[SocketAddr], replaced: &[(&str, String)]) -> String {
    let fence = format!("```{language} ");
    let block = DOCS.lines().skip_while(|line| !line.starts_with(&fence)).skip(1);
    let (mut config, mut templates) = (String::new(), 0);
    for line in block.take_while(|line| *line != "```") {
        if line.contains("10.0.0.1") {
            // One line a server: the first is for all.
            templates += 1;
            for (number, server) in servers.iter().enumerate().filter(|_| templates == 1) {
                let line = line.replace("10.0.0.11:8080", &server.to_string());
                writeln!(config, "{}", line.replace("first", &format!("server-{number}")))
                    .expect("a string can be written");
            }
            continue;
        }
        writeln!(config, "{line}").expect("a string can be written");
    }
    assert!(templates > 0, "docs/deploying.md has no configuration for {language}");
    for (from, to) in replaced {
        assert!(config.contains(from), "the configuration for {language} has no `{from}`");
        config = config.replace(from, to);
    }
    config
}
