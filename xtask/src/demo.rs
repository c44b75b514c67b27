//! `cargo xtask demo`: builds the guests and the server, becomes the server, and
//! says what to try once it is listening.
//!
//! The line that names the server's address is on its stderr. So that goes through
//! another xtask, the *announcer*, which passes it on line by line until it ends. The
//! server has this process: signals reach it and its exit code is the demo's. Ctrl-C
//! does not reach the announcer, which is in a process group of its own.

use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};
use lexopt::{Arg, Parser};

use crate::command::{self, say};
use crate::task::{self, Task, Work};
use crate::workspace::{Profile, Workspace};
use crate::{guests, languages};

/// Set where xtask is to be the announcer.
const VARIABLE: &str = "PATCHBOARD_XTASK_ANNOUNCER";

pub(crate) const TASK: Task = Task {
    name: "demo",
    about: "Build everything, serve the demo, and say what to try",
    help: Some(
        "[OPTIONS] [-- ARGS]

ARGS are more arguments for `patchboard serve`.

  --release   Build the server with optimisations (takes longer)",
    ),
    read,
};

fn read(mut parser: Parser) -> Result<Work, lexopt::Error> {
    let (mut profile, mut serve) = (Profile::Dev, Vec::new());
    loop {
        serve.extend(task::rest(&mut parser));
        match parser.next()? {
            Some(Arg::Long("release")) => profile = Profile::Release,
            Some(argument) => return Err(argument.unexpected()),
            None => return Ok(Box::new(move || run(profile, &serve))),
        }
    }
}

fn run(profile: Profile, arguments: &[OsString]) -> Result<ExitCode> {
    say("step 1 of 3: building the guests to target/handlers (a minute the first time)");
    guests::for_demo()?;
    say(match profile {
        Profile::Dev => "step 2 of 3: building the server (some minutes the first time, because of wasmtime)",
        Profile::Release => "step 2 of 3: building the server with optimisations (ten minutes or more)",
    });
    let workspace = Workspace::load()?;
    let server = workspace.build_server(profile)?;
    languages::for_demo(&workspace, &server);
    say("step 3 of 3: starting the server; Ctrl-C ends it");
    let mut command = Command::new(server);
    command.args(["serve", "--config", "patchboard.toml"]).args(arguments).current_dir(&workspace.root);
    become_server(&mut command)
}

/// Becomes the server. Returns where it cannot.
fn become_server(server: &mut Command) -> Result<ExitCode> {
    let mut announcer = Command::new(env::current_exe().context("could not find xtask's own program")?);
    announcer.env(VARIABLE, "1").stdin(Stdio::piped()).process_group(0);
    let stderr = announcer.spawn().context("could not start another xtask")?.stdin;
    server.stderr(stderr.context("a piped stdin is there")?);
    command::become_program(server)
}

/// If xtask has started this as the announcer: is that, to the end of the server.
pub(crate) fn as_announcer() -> Option<ExitCode> {
    env::var_os(VARIABLE)?;
    pass_through(io::stdin(), io::stderr(), io::stdout());
    Some(ExitCode::SUCCESS)
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
         \x20 curl {address}/tutorial/demo1/Ada -d key=value   in Python\n\
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
