//! `cargo xtask demo`: builds the guests and the server, runs the server, and
//! says what to try once it is listening.
//!
//! The server's stderr passes through line by line, as the line that names its
//! address is in it. Ctrl-C reaches the server by itself, since it is in the
//! terminal's process group; what `kill` sends to xtask alone is handed on. The
//! demo ends when the server has drained, with its exit code.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;

use anyhow::{Context, Result};
use clap::Args;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;

use crate::command::{self, say};
use crate::guests;
use crate::workspace::Workspace;

/// Build everything, serve the demo, and say what to try
#[derive(Args)]
pub(crate) struct Arguments {
    /// Build the server with optimisations (takes longer)
    #[arg(long)]
    release: bool,
    /// More arguments for `patchboard serve`
    #[arg(last = true, value_name = "ARGS")]
    serve: Vec<String>,
}

/// How the server is compiled.
#[derive(Clone, Copy)]
pub(crate) enum Profile {
    /// As the tests use it, so that wasmtime is compiled once.
    Dev,
    /// As users get it.
    Release,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    say("step 1 of 3: building the guests to target/handlers");
    guests::for_demo()?;
    say("step 2 of 3: building the server (minutes the first time, because of wasmtime)");
    let profile = if arguments.release { Profile::Release } else { Profile::Dev };
    let server = build_server(profile)?;
    say("step 3 of 3: starting the server; Ctrl-C ends it");
    serve(Command::new(server).args(["serve", "--config", "patchboard.toml"]).args(&arguments.serve))
}

/// Builds the server and returns its path.
pub(crate) fn build_server(profile: Profile) -> Result<PathBuf> {
    let workspace = Workspace::load()?;
    let mut cargo = command::cargo(&workspace.root);
    cargo.args(["build", "-p", "patchboard-server"]);
    let folder = match profile {
        Profile::Dev => "debug",
        Profile::Release => {
            cargo.arg("--release");
            "release"
        }
    };
    command::run_aside(&mut cargo).context("could not build the server")?;
    Ok(workspace.target.join(folder).join("patchboard"))
}

/// Runs the server to its end.
fn serve(command: &mut Command) -> Result<ExitCode> {
    let root = Workspace::load()?.root;
    // Before the server starts, so that no signal falls between the two.
    let signals =
        SignalsInfo::<WithOrigin>::new([SIGINT, SIGTERM]).context("could not listen for signals")?;
    let mut server = command
        .current_dir(root)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("could not start the server")?;
    forward(signals, &server);
    if let Some(stderr) = server.stderr.take() {
        pass_through(stderr, io::stderr(), io::stdout());
    }
    let status = server.wait().context("could not wait for the server")?;
    // Ended by a signal: as shells say it.
    let code = status
        .code()
        .or_else(|| Some(128 + std::os::unix::process::ExitStatusExt::signal(&status)?))
        .and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Hands on the signals that xtask gets and the server does not.
fn forward(mut signals: SignalsInfo<WithOrigin>, server: &Child) {
    let server = Pid::from_child(server);
    thread::spawn(move || {
        for origin in &mut signals {
            let signal = match origin.signal {
                // The terminal sends Ctrl-C to the server as well; a process
                // that sends the signal, to xtask only.
                SIGINT if origin.process.is_none() => continue,
                SIGINT => Signal::INT,
                _ => Signal::TERM,
            };
            if kill_process(server, signal).is_err() {
                break;
            }
        }
    });
}

/// Copies the server's stderr to `errors` until it ends, and says on `out` what
/// to try. Neither being gone is a reason to stop: the server would block on a
/// full pipe.
fn pass_through(stderr: impl Read, mut errors: impl Write, mut out: impl Write) {
    let mut lines = BufReader::new(stderr);
    let mut line = Vec::new();
    let mut announced = false;
    while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        let _ = errors.write_all(&line);
        if !announced && let Some(address) = address(&String::from_utf8_lossy(&line)) {
            let _ = out.write_all(what_to_try(address).as_bytes()).and_then(|()| out.flush());
            announced = true;
        }
        line.clear();
    }
}

/// The `http://ADDR` in a line, colours and punctuation around it aside.
fn address(line: &str) -> Option<&str> {
    let rest = line.get(line.find("http://")?..)?;
    let scheme = "http://".len();
    let authority = rest.get(scheme..)?;
    let end = authority
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '[' | ']')))
        .unwrap_or(authority.len());
    let authority = authority.get(..end)?.trim_end_matches(['.', ':', '-']);
    (!authority.is_empty()).then(|| rest.get(..scheme + authority.len()))?
}

fn what_to_try(address: &str) -> String {
    format!(
        "\nTry, in another terminal:\n\
         \x20 curl {address}/\n\
         \x20 curl {address}/demo1/Ada -d key=value\n\
         \x20 curl {address}/demo2 -d key=value\n\
         \x20 curl {address}/upload -F file=@README.md\n\
         \x20 curl -N {address}/clock         a stream; Ctrl-C ends it\n\
         In a browser:\n\
         \x20 {address}/guestbook         pages, a database, a counter\n\
         Static files:\n\
         \x20 curl {address}/index.html\n\
         \x20 curl {address}/files/        a listing; /css/, /css2017/ and /font/ have none\n\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_log_lines() {
        for (line, expected) in [
            ("listening on http://127.0.0.1:8080\n", Some("http://127.0.0.1:8080")),
            ("listening on http://127.0.0.1:8080.\n", Some("http://127.0.0.1:8080")),
            ("listening on http://127.0.0.1:8080, http://[::1]:80", Some("http://127.0.0.1:8080")),
            ("INFO \u{1b}[1mhttp://[::1]:39021\u{1b}[0m ready", Some("http://[::1]:39021")),
            (r#"{"message":"listening","url":"http://localhost:80"}"#, Some("http://localhost:80")),
            ("see http://example.com/path", Some("http://example.com")),
            ("listening on http://", None),
            ("https://127.0.0.1:8443", None),
            ("loaded demo1", None),
            ("", None),
        ] {
            assert_eq!(address(line), expected, "{line:?}");
        }
    }

    #[test]
    fn lines_pass_unchanged_and_the_address_is_announced_once() {
        let lines = b"first\xff\nat http://127.0.0.1:1\nat http://127.0.0.1:2\nlast, cut sh";
        let (mut errors, mut out) = (Vec::new(), Vec::new());
        pass_through(&lines[..], &mut errors, &mut out);
        assert_eq!(errors, lines);
        assert_eq!(String::from_utf8(out).as_deref(), Ok(&*what_to_try("http://127.0.0.1:1")));
    }
}
