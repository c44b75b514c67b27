//! The configuration file: either settings, or all that is wrong with them.
//!
//! The input is `patchboard.toml`, and `NAME.toml` beside a component as well. Whatever it
//! says, there are settings or at least one problem; a line above all others moves each
//! problem by one line and changes nothing else; an unknown key is one problem more.

use std::fs;
use std::io;
use std::path::PathBuf;

use patchboard_server::config::{Config, ConfigError, Source, read_handler_file};
use tempfile::TempDir;

/// A key that is known nowhere.
const UNKNOWN: &str = "no_such_key_xyz";

thread_local! {
    static FOLDER: TempDir = match folder() {
        Ok(folder) => folder,
        Err(error) => panic!("could not make a temporary folder: {error}"),
    };
}

/// With the folders that the demo's configuration names.
fn folder() -> io::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    for name in ["handlers", "target/handlers", "static/css", "static/js", "static/font", "static/files"] {
        fs::create_dir_all(folder.path().join(name))?;
    }
    Ok(folder)
}

/// Runs the target.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // A byte order mark is one at the start only.
    if text.starts_with('\u{feff}') || text.contains(UNKNOWN) {
        return;
    }
    let found = load(text);
    let moved = load(&format!("# moved\n{text}"));
    assert_eq!(moved, found.clone().map_err(|problems| one_line_down(&problems)), "{text}");
    check_unknown(text, &found);
    let path = write("name.toml", text);
    match read_handler_file(&path) {
        Ok(routes) => {
            let mut routes = routes.iter().flatten();
            assert!(routes.all(|route| route.route.host.is_any()), "a host is claimed: {text}");
        }
        Err(ConfigError(problems)) => assert!(!problems.is_empty(), "{text}"),
    }
}

/// What is configured, written out, or the problems.
fn load(text: &str) -> Result<String, Vec<String>> {
    let source = Source { file: Some(write("patchboard.toml", text)), ..Source::default() };
    match Config::load(&source) {
        Ok(config) => Ok(format!("{config:?}")),
        Err(ConfigError(problems)) => {
            assert!(!problems.is_empty(), "refused without a reason: {text}");
            Err(problems.iter().map(ToString::to_string).collect())
        }
    }
}

fn write(name: &str, text: &str) -> PathBuf {
    let path = FOLDER.with(|folder| folder.path().join(name));
    match fs::write(&path, text) {
        Ok(()) => path,
        Err(error) => panic!("could not write {}: {error}", path.display()),
    }
}

/// An unknown key is told of beside all else, unless the text is no TOML; but it may be what was
/// to be served, so that nothing is said of that.
fn check_unknown(text: &str, found: &Result<String, Vec<String>>) {
    let Err(more) = load(&format!("{UNKNOWN} = 1\n{text}")) else {
        panic!("an unknown key is accepted: {text}");
    };
    let (unknown, others): (Vec<_>, Vec<_>) = more.into_iter().partition(|line| line.contains(UNKNOWN));
    match found {
        Ok(_) => assert_eq!((unknown.len(), others.len()), (1, 0), "{unknown:?} {others:?} {text}"),
        Err(problems) => {
            let mut certain = one_line_down(problems);
            certain.retain(|problem| !problem.contains("nothing to serve"));
            assert_eq!(others, certain, "{text}");
            assert!(unknown.len() == 1 || others.len() == 1, "{unknown:?} {others:?} {text}");
        }
    }
}

/// The problems with their line numbers, where they have one, raised by one.
fn one_line_down(problems: &[String]) -> Vec<String> {
    let down = |problem: &String| {
        let (place, message) = problem.split_once(": ")?;
        let (file, line) = place.rsplit_once(':')?;
        Some(format!("{file}:{}: {message}", line.parse::<usize>().ok()? + 1))
    };
    problems.iter().map(|problem| down(problem).unwrap_or_else(|| problem.clone())).collect()
}
