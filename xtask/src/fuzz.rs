//! `cargo xtask fuzz`: builds the fuzz targets with libFuzzer and coverage, and runs
//! each for a bounded time, from the committed corpus and what earlier runs have found.
//!
//! All that a run writes is in `target/fuzz/TARGET`. The committed corpus is added to
//! only on request. A C++ compiler is needed, which builds libFuzzer.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use lexopt::{Arg, Parser, ValueExt as _};

use crate::command::{self, say};
use crate::task::{Task, Work, work};
use crate::workspace::Workspace;
use crate::{coverage, guests};

/// What one input may take, far more than any should.
const LIMITS: [&str; 3] = ["-timeout=10", "-rss_limit_mb=1024", "-max_len=4096"];

/// How long a target is run.
const SECONDS: NonZero<u64> = NonZero::new(60).unwrap();

/// What is run more often in a second if it is optimised, which for tests it is not.
const FUZZED: [&str; 2] = ["patchboard-fuzz", "patchboard-server"];

/// The target whose inputs are made from the guests.
const OF_GUESTS: &str = "component";

pub(crate) const TASK: Task = Task {
    name: "fuzz",
    about: "Look for inputs that break a fuzz target, for a bounded time",
    help: Some(
        "[OPTIONS] [TARGET]...

TARGET is a folder of tests/fuzz/corpus; all of them without.

  --seconds N       How long each is run [default: 60]
  --update-corpus   Add what was found to reach more code to tests/fuzz/corpus, as
                    little as does",
    ),
    read,
};

struct Arguments {
    targets: Vec<String>,
    seconds: NonZero<u64>,
    update_corpus: bool,
}

fn read(mut parser: Parser) -> Result<Work, lexopt::Error> {
    let mut arguments = Arguments { targets: Vec::new(), seconds: SECONDS, update_corpus: false };
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("seconds") => arguments.seconds = parser.value()?.parse()?,
            Arg::Long("update-corpus") => arguments.update_corpus = true,
            Arg::Value(target) => arguments.targets.push(target.string()?),
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(work(move || run(&arguments)))
}

fn run(arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::load()?;
    let corpus = workspace.root.join("tests/fuzz/corpus");
    let all: Vec<String> = names(&corpus)?.into_iter().collect();
    if let Some(unknown) = arguments.targets.iter().find(|target| !all.contains(target)) {
        bail!("there is no fuzz target `{unknown}`; there are {}", all.join(", "));
    }
    let targets = if arguments.targets.is_empty() { &all } else { &arguments.targets };
    if targets.iter().any(|target| target == OF_GUESTS) {
        guests::for_tests(&workspace)?;
    }
    say("building the fuzz targets (some minutes the first time, because of wasmtime)");
    let program = build(&workspace)?;
    let mut broken = Vec::new();
    for name in targets {
        let target = Target {
            name,
            program: &program,
            corpus: corpus.join(name),
            work: work_folder(&workspace, name)?,
        };
        say(format!("fuzzing {name} for {} s", arguments.seconds));
        let found = target.fuzz(arguments.seconds.get())?;
        if !found.is_empty() {
            broken.push(name.as_str());
            target.say_how_to_reproduce(&found);
        } else if arguments.update_corpus {
            target.update_corpus()?;
        }
    }
    if !broken.is_empty() {
        bail!("inputs were found that break {}; see above", broken.join(", "));
    }
    Ok(())
}

/// Builds libFuzzer's program for all targets.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    let mut cargo = command::cargo(&workspace.root);
    cargo.args(["build", "-p", "patchboard-fuzz", "--features", "libfuzzer", "--bin", "patchboard-fuzz"]);
    for package in FUZZED {
        cargo.args(["--config", &format!("profile.dev.package.{package}.opt-level = 1")]);
    }
    coverage::turn_on(&mut cargo)?;
    command::run_aside(&mut cargo).context(
        "could not build the fuzz targets; libFuzzer takes a C++ compiler, such as g++ or clang++",
    )?;
    Ok(workspace.target.join("debug/patchboard-fuzz"))
}

/// The folder of what runs of a target write.
fn work_folder(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let work = workspace.target.join("fuzz").join(name);
    for folder in ["corpus", "crashes", "temporary"] {
        let folder = work.join(folder);
        fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
    }
    Ok(work)
}

struct Target<'a> {
    name: &'a str,
    program: &'a Path,
    corpus: PathBuf,
    work: PathBuf,
}

impl Target<'_> {
    /// The inputs that broke it, none where all is well.
    fn fuzz(&self, seconds: u64) -> Result<Vec<PathBuf>> {
        let crashes = self.work.join("crashes");
        let before = names(&crashes)?;
        let mut command = self.command();
        command.arg(format!("-max_total_time={seconds}"));
        // New inputs are written to the first folder.
        command.arg(self.work.join("corpus")).arg(&self.corpus);
        let ended = self.run(&mut command);
        // A slow input is told of, but breaks nothing.
        let is_new = |name: &String| !before.contains(name) && !name.starts_with("slow-unit-");
        let found = names(&crashes)?.into_iter().filter(is_new);
        let found: Vec<_> = found.map(|name| crashes.join(name)).collect();
        if found.is_empty() { ended.map(|()| found) } else { Ok(found) }
    }

    /// Adds to the committed corpus those inputs of earlier runs that reach what no other
    /// does, without counting how often.
    fn update_corpus(&self) -> Result<()> {
        let mut command = self.command();
        command
            .args(["-set_cover_merge=1", "-use_counters=0"])
            .arg(&self.corpus)
            .arg(self.work.join("corpus"));
        self.run(&mut command)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command.args(LIMITS).arg(format!("-artifact_prefix={}/", self.work.join("crashes").display()));
        command.env("PATCHBOARD_FUZZ_TARGET", self.name).env("TMPDIR", self.work.join("temporary"));
        command
    }

    /// Runs libFuzzer. Of all it writes, only how it began and ended is shown, and what
    /// is wrong.
    fn run(&self, command: &mut Command) -> Result<()> {
        let path = self.work.join("log");
        let log = File::create(&path).with_context(|| format!("could not create {}", path.display()))?;
        let ended = command::run(command.stdout(log.try_clone()?).stderr(log));
        // It does not end by returning, and so leaves temporary files.
        let temporary = self.work.join("temporary");
        fs::remove_dir_all(&temporary)
            .and_then(|()| fs::create_dir(&temporary))
            .with_context(|| format!("could not empty {}", temporary.display()))?;
        let log = fs::read(&path).with_context(|| format!("could not read {}", path.display()))?;
        let is_wanted = |line: &&str| match ended {
            Ok(()) => ["\tINITED", "\tDONE", "MERGE-OUTER:"].iter().any(|word| line.contains(word)),
            Err(_) => !line.starts_with(['#', '\t']) && !line.starts_with("INFO:"),
        };
        String::from_utf8_lossy(&log).lines().filter(is_wanted).for_each(|line| eprintln!("{line}"));
        ended
    }

    fn say_how_to_reproduce(&self, found: &[PathBuf]) {
        for input in found {
            let from_here = env::current_dir().ok();
            let input = from_here.and_then(|here| input.strip_prefix(here).ok()).unwrap_or(input);
            say(format!(
                "{} is broken by {}\n\
                 xtask: to reproduce it, and to keep it:\n\
                 xtask:   cp {} tests/fuzz/corpus/{}/NAME\n\
                 xtask:   cargo test -p patchboard-fuzz",
                self.name,
                input.display(),
                input.display(),
                self.name
            ));
        }
    }
}

/// The names in a folder.
fn names(folder: &Path) -> Result<BTreeSet<String>> {
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let entries = fs::read_dir(folder).and_then(|entries| entries.map(|entry| entry.map(name)).collect());
    entries.with_context(|| format!("could not read {}", folder.display()))
}
