//! All tests of a project: found, played at once by several threads, and told in their order.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc::{Receiver, channel};
use std::thread::available_parallelism;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use super::files;
use super::http_file::{Test, parse};
use super::outcome::Outcome;
use super::play::{Ground, Read};
use super::{junit, report, routes};
use crate::config::{ConfigError, Fakes, Source};
use crate::deploy;
use crate::telemetry::{AccessLog, Destination};

/// How many tests are played at once, at most.
const MOST_AT_ONCE: usize = 16;

/// What is asked of the tests.
#[derive(Debug, Default)]
pub struct Asked {
    /// Whose configuration it is.
    pub source: Source,
    /// Parts of names, or of files' paths, of the tests to play; all where there are none.
    pub filters: Vec<String>,
    /// Whether snapshots are written.
    pub updates: bool,
    /// Where to write a report for machines.
    pub junit: Option<PathBuf>,
}

/// Plays the tests that are `asked` for, and tells what came of them; whether all have passed.
///
/// # Errors
///
/// What is wrong with the configuration, the components or the files of tests, so that none
/// could be played.
pub fn run(asked: &Asked) -> Result<bool> {
    let begun = Instant::now();
    let files = read(&asked.source)?;
    let chosen: Vec<(&Read, &Test)> = files
        .iter()
        .flat_map(|read| read.file.tests.iter().map(move |test| (read, test)))
        .filter(|(read, test)| asked.chooses(read, test))
        .collect();
    if chosen.is_empty() {
        bail!(
            "no test is called, or in a file called, {}; there are {} tests in {} files",
            asked.filters.join(" or "),
            files.iter().map(|read| read.file.tests.len()).sum::<usize>(),
            files.len()
        );
    }
    let folder = tempfile::Builder::new().prefix("patchboard-test-").tempdir()?;
    let fakes = Some(Fakes { folder: folder.path().to_owned(), ..Fakes::default() });
    let stage = deploy::stage(&Source { fakes, ..asked.source.clone() })?;
    stage.odd().iter().for_each(|problem| eprintln!("warning: {problem}"));
    // Nothing is written to it.
    let destination = Destination::open(None).map_err(|problem| ConfigError(vec![problem]))?;
    let (access_log, writer) = AccessLog::start(destination)?;
    let ground =
        Ground { stage: &stage, source: &asked.source, access_log: &access_log, updates: asked.updates };
    let outcomes = play(&ground, &chosen);
    access_log.finish(writer);
    let time = begun.elapsed();
    say(&report::summary(&outcomes, time));
    if asked.filters.is_empty() {
        let tested: BTreeSet<_> = outcomes.iter().flat_map(|outcome| &outcome.routes).collect();
        say(&report::coverage(&routes::all(stage.site()), &tested));
    }
    if let Some(file) = &asked.junit {
        std::fs::write(file, junit::report(&outcomes, time))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(outcomes.iter().all(|outcome| outcome.failures.is_empty()))
}

impl Asked {
    fn chooses(&self, read: &Read, test: &Test) -> bool {
        let has = |filter: &String| test.name.contains(&**filter) || read.shown.contains(&**filter);
        self.filters.is_empty() || self.filters.iter().any(has)
    }
}

/// All files of tests in the folder of the configuration.
fn read(source: &Source) -> Result<Vec<Read>> {
    let folder = source.path().parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let paths = files::find(folder).map_err(|problem| ConfigError(vec![problem]))?;
    if paths.is_empty() {
        bail!(
            "there is no .http file in {}; write one, such as crates/NAME/tests/NAME.http, with `### it answers` and `GET /` \
             in it",
            folder.display()
        );
    }
    let (mut read, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        let path = path.strip_prefix(".").unwrap_or(&path).to_owned();
        let shown = path.display().to_string();
        let file = files::read_tests(&path).map_err(|problem| vec![problem]);
        match file.and_then(|text| parse(&shown, &text)) {
            Ok(file) => read.push(Read { shown, path, file }),
            Err(wrong) => problems.extend(wrong),
        }
    }
    if problems.is_empty() { Ok(read) } else { Err(ConfigError(problems).into()) }
}

/// Plays tests on several threads, and tells of each in its turn.
fn play(ground: &Ground<'_>, tests: &[(&Read, &Test)]) -> Vec<Outcome> {
    let threads = available_parallelism().map_or(1, NonZero::get).min(MOST_AT_ONCE).min(tests.len());
    let next = Mutex::new(tests.iter().enumerate());
    let (done, outcomes) = channel();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (done, next) = (done.clone(), &next);
            scope.spawn(move || {
                loop {
                    let test = next.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((index, (read, test))) = test else { return };
                    done.send((index, ground.play(read, test))).ok();
                }
            });
        }
        drop(done);
        told(&outcomes)
    })
}

/// Who reads it may have had enough.
fn say(text: &str) {
    std::io::stdout().write_all(text.as_bytes()).ok();
}

fn told(outcomes: &Receiver<(usize, Outcome)>) -> Vec<Outcome> {
    let (mut early, mut told) = (BTreeMap::new(), Vec::new());
    for (index, outcome) in outcomes {
        early.insert(index, outcome);
        while let Some(outcome) = early.remove(&told.len()) {
            say(&report::outcome(&outcome));
            told.push(outcome);
        }
    }
    told
}
