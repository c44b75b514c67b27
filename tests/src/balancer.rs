//! A load balancer: nginx, in front of several servers.
//!
//! Debian's package `nginx-light` brings it; `cargo xtask test` installs that.

use std::fmt::Write as _;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use crate::wait_until;

const REMEDY: &str = "install it, on Debian with `sudo apt-get install nginx-light`, or run `cargo xtask test`, \
     which does so first";

/// nginx in front of servers. It ends where the value is dropped.
#[derive(Debug)]
pub struct Balancer {
    process: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Balancer {
    /// Starts it, and waits until it accepts connections. As nginx does by itself, it
    /// asks another server where one cannot be reached, but for requests that change
    /// something, which may have been done.
    ///
    /// # Panics
    ///
    /// If there is no nginx.
    #[track_caller]
    pub fn start(servers: &[SocketAddr]) -> Self {
        let folder = tempfile::Builder::new().prefix("patchboard-nginx-").tempdir().expect("a folder");
        let address =
            TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
        let mut config = String::from("daemon off; worker_processes 1; pid nginx.pid; error_log stderr;\n");
        if geteuid().is_root() {
            config += "user root;\n";
        }
        config += "events {}\nhttp {\naccess_log off;\n";
        for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
            writeln!(config, "{kind}_temp_path {kind};").expect("a string can be written");
        }
        config += "upstream hosts {\nkeepalive 16;\n";
        for server in servers {
            writeln!(config, "server {server} max_fails=1 fail_timeout=10s;")
                .expect("a string can be written");
        }
        write!(
            config,
            "}}\nserver {{\nlisten {address};\nlocation / {{\nproxy_pass http://hosts;\n\
             proxy_http_version 1.1;\nproxy_set_header Connection \"\";\nproxy_set_header Host $http_host;\n}}\n}}\n}}\n"
        )
        .expect("a string can be written");
        fs::write(folder.path().join("nginx.conf"), config).expect("a file can be written");
        // Servers are in `sbin`, which only root's PATH has on Debian.
        let debian = Path::new("/usr/sbin/nginx");
        let mut nginx = Command::new(if debian.exists() { debian } else { Path::new("nginx") });
        nginx.arg("-p").arg(folder.path()).args(["-c", "nginx.conf", "-e", "stderr"]).stdin(Stdio::null());
        let process = nginx.spawn().unwrap_or_else(|error| panic!("no nginx: {error}; {REMEDY}"));
        wait_until("nginx accepts connections", || TcpStream::connect(address).is_ok());
        Self { process, address, _folder: folder }
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
