//! A build that is watched: what the compiler says is shown as it says it, and taken down for who
//! shows it elsewhere; and it may be cancelled, since what it compiles has changed.

use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::cargo::{Built, Message, NO_CARGO, Package, Workspace};

/// What is kept of what a compiler says, in bytes.
const MOST_BYTES: usize = 256 << 10;

/// Why a build has made nothing.
#[derive(Debug)]
pub enum Failure {
    /// What the compiler says of the sources, as it is shown, without colours.
    Refused(String),
    /// Somebody has cancelled it.
    Cancelled,
}

/// The build that is under way, if one is.
#[derive(Debug, Default)]
pub struct Running(Mutex<Group>);

#[derive(Debug, Default)]
struct Group {
    leader: Option<Pid>,
    is_cancelled: bool,
}

impl Running {
    /// Ends it, with all that it has started.
    pub fn cancel(&self) {
        let mut group = self.group();
        if let Some(leader) = group.leader {
            group.is_cancelled = true;
            // It may just have ended.
            kill_process_group(leader, Signal::KILL).ok();
        }
    }

    fn began(&self, child: &Child) {
        *self.group() = Group { leader: Some(Pid::from_child(child)), is_cancelled: false };
    }

    /// Waits for its end, from which on its number may be another's; whether it went well, and
    /// whether it was cancelled.
    fn end(&self, child: &mut Child) -> io::Result<(bool, bool)> {
        let status = child.wait();
        let Group { is_cancelled, .. } = std::mem::take(&mut *self.group());
        Ok((status?.success(), is_cancelled))
    }

    fn group(&self) -> MutexGuard<'_, Group> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was said so far, up to a bound.
#[derive(Default)]
struct Said {
    errors: String,
    rest: String,
}

/// Builds `handlers`.
///
/// # Errors
///
/// What the compiler has said, or else cargo.
pub(crate) fn run(
    workspace: &Workspace,
    handlers: &[Package],
    profile: &str,
    running: &Running,
) -> Result<Vec<Built>, Failure> {
    match try_run(workspace, handlers, profile, running) {
        Ok(built) => built,
        Err(error) => Err(Failure::Refused(format!("{error:#}"))),
    }
}

fn try_run(
    workspace: &Workspace,
    handlers: &[Package],
    profile: &str,
    running: &Running,
) -> anyhow::Result<Result<Vec<Built>, Failure>> {
    let is_terminal = io::stderr().is_terminal();
    let format = if is_terminal { "json-diagnostic-rendered-ansi" } else { "json" };
    let mut command = workspace.compile(handlers, profile, format);
    // A group of its own, so that it can be ended with the compilers that it has started.
    command.stderr(Stdio::piped()).process_group(0);
    if is_terminal && std::env::var_os("CARGO_TERM_COLOR").is_none() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = command.spawn().context(NO_CARGO)?;
    running.began(&child);
    let stderr = child.stderr.take();
    // What cargo says itself, beside what it hands on.
    let cargo = std::thread::spawn(move || stderr.map(follow).unwrap_or_default());
    let (mut built, mut said) = (Vec::new(), Said::default());
    for line in child.stdout.take().into_iter().flat_map(|stdout| BufReader::new(stdout).lines()) {
        let Ok(mut message) = serde_json::from_str::<Message>(&line?) else { continue };
        if let Some(diagnostic) = message.diagnostic() {
            let text = diagnostic.rendered.unwrap_or_default();
            io::stderr().write_all(text.as_bytes()).ok();
            let is_error = diagnostic.level.starts_with("error");
            add(if is_error { &mut said.errors } else { &mut said.rest }, &text);
        }
        built.extend(message.built());
    }
    let (is_well, is_cancelled) = running.end(&mut child)?;
    let of_cargo = cargo.join().unwrap_or_default();
    match (is_well, is_cancelled) {
        (true, _) => Ok(Ok(built)),
        (false, true) => Ok(Err(Failure::Cancelled)),
        (false, false) => {
            let is_compiled = !said.errors.is_empty();
            // What the linker says is no error of the compiler's.
            let text = if is_compiled { said.errors } else { format!("{}{of_cargo}", said.rest) };
            if !is_compiled {
                workspace.explain()?;
            }
            Ok(Err(Failure::Refused(plain(&text))))
        }
    }
}

/// Hands on what is said, and takes it down.
fn follow(from: impl Read) -> String {
    let mut text = String::new();
    let mut lines = BufReader::new(from);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        io::stderr().write_all(&line).ok();
        add(&mut text, &String::from_utf8_lossy(&line));
        line.clear();
    }
    text
}

fn add(text: &mut String, more: &str) {
    let room = MOST_BYTES.saturating_sub(text.len());
    text.push_str(more.get(..more.floor_char_boundary(room)).unwrap_or_default());
}

/// A text without what colours it on a terminal (ECMA-48, sections 5.4 and 8.3).
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' if chars.next_if_eq(&'[').is_some() => {
                while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
            }
            '\u{1b}' if chars.next_if_eq(&']').is_some() => {
                // A link, which ends with a bell or ESC \.
                while let Some(c) = chars.next() {
                    if c == '\u{7}' || c == '\u{1b}' && chars.next_if_eq(&'\\').is_some() {
                        break;
                    }
                }
            }
            c if c.is_control() && !matches!(c, '\n' | '\t') => {}
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_and_links_are_left_out() {
        for (text, expected) in [
            ("plain\n\ttext", "plain\n\ttext"),
            ("\u{1b}[0m\u{1b}[1m\u{1b}[38;5;9merror\u{1b}[0m: x\r\n", "error: x\n"),
            ("\u{1b}]8;;https://a\u{1b}\\E0308\u{1b}]8;;\u{7}]", "E0308]"),
            ("\u{1b}", ""),
            ("\u{1b}[", ""),
        ] {
            assert_eq!(plain(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_taken_down_is_bounded() {
        let mut text = String::new();
        (0..100).for_each(|_| add(&mut text, &"grüße".repeat(1000)));
        assert!(text.len() <= MOST_BYTES && text.len() > MOST_BYTES - 8);
    }
}
