//! `cargo xtask chaos`: the guests and the server are built, then `patchboard-chaos` has
//! handlers and clients misbehave for as long as wanted. Its options are its own.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::Result;
use lexopt::Parser;

use crate::command::{self, say};
use crate::guests;
use crate::task::{Task, Work, asks_for_help};
use crate::workspace::{Profile, Workspace};

pub(crate) const TASK: Task = Task {
    name: "chaos",
    about: "Let handlers and clients misbehave at once, and check that nothing is wrong, lost or kept",
    help: None,
    read,
};

fn read(mut parser: Parser) -> Result<Work, lexopt::Error> {
    let arguments: Vec<OsString> = parser.raw_args()?.collect();
    Ok(Box::new(move || run(&arguments)))
}

fn run(arguments: &[OsString]) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    say("building patchboard-chaos (minutes the first time)");
    let chaos = workspace.build("patchboard-chaos", "patchboard-chaos", Profile::Dev)?;
    if !asks_for_help(arguments) {
        say("building the guests and the server (minutes the first time, because of wasmtime)");
        guests::for_tests(&workspace)?;
        workspace.build_server(Profile::Dev)?;
    }
    command::become_program(Command::new(chaos).args(arguments))
}
