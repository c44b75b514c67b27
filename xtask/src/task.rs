//! What `cargo xtask` can be asked for: a task's name, its help, and how its arguments
//! are read, apart from what is then done.

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use anyhow::Result;
use lexopt::Parser;

/// What is to be done, as the arguments say.
pub(crate) type Work = Box<dyn FnOnce() -> Result<ExitCode>>;

/// A command of `cargo xtask`.
pub(crate) struct Task {
    pub(crate) name: &'static str,
    /// One line, for the list of all tasks.
    pub(crate) about: &'static str,
    /// What follows the name in the usage, a blank line, and the rest of its help. Without
    /// it, everything goes to a program that has its own.
    pub(crate) help: Option<&'static str>,
    pub(crate) read: fn(Parser) -> Result<Work, lexopt::Error>,
}

impl Task {
    /// The whole help.
    pub(crate) fn help(&self) -> Option<String> {
        let Self { name, about, help, .. } = self;
        help.map(|help| format!("{about}\n\nUsage: cargo xtask {name} {help}\n\n  -h, --help  Print this\n"))
    }

    /// Whether `arguments` ask for the help that is here.
    pub(crate) fn is_asked_for_help(&self, arguments: &[OsString]) -> bool {
        self.help.is_some() && asks_for_help(arguments)
    }
}

/// What is done without any choice of exit code.
pub(crate) fn work(work: impl FnOnce() -> Result<()> + 'static) -> Work {
    Box::new(|| work().map(|()| ExitCode::SUCCESS))
}

/// What follows `--`, where that is next; nothing where it is not.
pub(crate) fn rest(parser: &mut Parser) -> Vec<OsString> {
    let Some(mut raw) = parser.try_raw_args() else { return Vec::new() };
    match raw.next_if(|next| next == "--") {
        Some(_) => raw.collect(),
        None => Vec::new(),
    }
}

/// Whether `-h` or `--help` is among the arguments, before a `--`.
pub(crate) fn asks_for_help(arguments: &[OsString]) -> bool {
    let mut own =
        arguments.iter().map(OsString::as_os_str).take_while(|argument| *argument != OsStr::new("--"));
    own.any(|argument| argument == "-h" || argument == "--help")
}
