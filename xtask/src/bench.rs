//! `cargo xtask bench`: what the benchmark compares is installed or built, then
//! `patchboard-bench` measures. Its options are its own; it says what they need.

use std::ffi::OsString;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};
use lexopt::Parser;

use crate::command::{self, say};
use crate::install::Need;
use crate::task::{Task, Work, asks_for_help};
use crate::workspace::{Profile, Workspace};
use crate::{against, guests, python, wasmtime};

pub(crate) const TASK: Task = Task {
    name: "bench",
    about: "Measure Patchboard beside its peers, or beside itself at another revision",
    help: None,
    read,
};

fn read(mut parser: Parser) -> Result<Work, lexopt::Error> {
    let arguments: Vec<OsString> = parser.raw_args()?.collect();
    Ok(Box::new(move || run(&arguments)))
}

fn run(arguments: &[OsString]) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    say("building patchboard-bench (a minute the first time)");
    // With optimisations: it makes some of the load itself.
    let bench = workspace.build("patchboard-bench", "patchboard-bench", Profile::Release)?;
    if !asks_for_help(arguments) {
        let mut needs = Command::new(&bench);
        needs.arg("--needs").args(arguments).stdin(Stdio::null()).stderr(Stdio::inherit());
        let needs = needs.output().context("could not start patchboard-bench")?;
        if !needs.status.success() {
            return Ok(needs
                .status
                .code()
                .and_then(|code| u8::try_from(code).ok())
                .map_or(ExitCode::FAILURE, ExitCode::from));
        }
        for need in String::from_utf8_lossy(&needs.stdout).lines() {
            provide(&workspace, need)?;
        }
        say("building the guests (two minutes the first time)");
        guests::for_tests(&workspace)?;
        say("building the server with optimisations (ten minutes or more where much has changed)");
        workspace.build_server(Profile::Release)?;
    }
    command::become_program(Command::new(bench).args(arguments))
}

/// Installs or builds what a line of `patchboard-bench --needs` names.
fn provide(workspace: &Workspace, need: &str) -> Result<()> {
    match need.split(' ').collect::<Vec<_>>()[..] {
        ["package", package, program] => {
            let what = format!("{program}, for the benchmark");
            let need = Need { what: &what, packages: &[package] };
            need.or_install(|| command::exists(program).then_some(()))
        }
        ["wasmtime"] => wasmtime::install(workspace),
        ["python"] => python::for_benchmark(),
        ["native"] => {
            say("building the server by hyper alone (a minute the first time)");
            workspace.build("patchboard-native", "patchboard-native", Profile::Release).map(drop)
        }
        ["against", revision] => against::build(workspace, revision),
        _ => bail!("patchboard-bench needs `{need}`, of which xtask knows nothing"),
    }
}
