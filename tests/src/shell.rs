//! A shell for the lines that people are told to type.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::{Exited, Output, built, wait_until};

/// A folder with a shell, in which `patchboard` is the program under test, and the
/// configuration that it finds is the demo's.
#[derive(Debug)]
pub struct Shell {
    dir: TempDir,
}

impl Shell {
    /// A shell in an empty folder.
    ///
    /// # Panics
    ///
    /// If there can be no folder.
    #[allow(clippy::new_without_default, reason = "a shell is no plain value")]
    pub fn new() -> Self {
        Self { dir: tempfile::Builder::new().prefix("patchboard-shell-").tempdir().expect("a folder") }
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Adds a file.
    ///
    /// # Panics
    ///
    /// If it cannot be written.
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        fs::write(self.dir.path().join(name), content).expect("the file can be written");
        self
    }

    /// Runs `line` to its end.
    ///
    /// # Panics
    ///
    /// If it does not end within [`PATIENCE`](crate::PATIENCE).
    #[track_caller]
    pub fn run(&self, line: &str) -> Exited {
        let (mut running, output, log) = self.spawn(line);
        let mut status = None;
        wait_until(&format!("`{line}` has ended"), || {
            status = running.0.try_wait().expect("it is our child");
            status.is_some()
        });
        Exited {
            code: status.and_then(|status| status.code()),
            output: output.wait_closed().join("\n"),
            log: log.wait_closed().join("\n"),
        }
    }

    /// Runs `line` until it has written a line with `text`, to standard output or
    /// standard error, and ends it then.
    ///
    /// # Panics
    ///
    /// If it writes none within [`PATIENCE`](crate::PATIENCE).
    #[track_caller]
    pub fn run_until(&self, line: &str, text: &str) {
        let (_running, output, log) = self.spawn(line);
        wait_until(&format!("`{line}` says {text:?}"), || output.count(text) + log.count(text) > 0);
    }

    #[track_caller]
    fn spawn(&self, line: &str) -> (Running, Output, Output) {
        let program = built::server_binary();
        let folder = program.parent().expect("a program lies in a folder").display();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut shell = Command::new("sh");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PATCHBOARD_") {
                shell.env_remove(name);
            }
        }
        let child = shell
            // So that who waits for the shell waits for the program.
            .args(["-c", &format!("exec {line}")])
            .env("PATH", format!("{folder}:{path}"))
            .env("PATCHBOARD_CONFIG", built::demo_config())
            .env("PATCHBOARD_CODE_CACHE", built::code_cache())
            .env("PATCHBOARD_DATA", self.dir().join("data"))
            .env("PATCHBOARD_LISTEN", "127.0.0.1:0")
            .current_dir(self.dir())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut running = Running(child.expect("a shell can be run"));
        let (output, log) = Output::of(&mut running.0);
        (running, output, log)
    }
}

/// A shell and what it has started, ended with the value.
#[derive(Debug)]
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Has all ended by itself, there is nothing to kill.
        kill_process_group(Pid::from_child(&self.0), Signal::KILL).ok();
        self.0.wait().ok();
    }
}
