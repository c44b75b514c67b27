//! The files of tests: which there are, and what is in them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::problem::Problem;

/// The longest file that is read, in bytes; a test's text is more than long enough with that.
const LONGEST: u64 = 16 << 20;
/// The longest `.http` file, likewise.
const LONGEST_TESTS: u64 = 1 << 20;
/// How many `.http` files there may be, and how deep folders may be.
const MOST: usize = 10_000;
const DEEPEST: usize = 32;
/// Folders that have none of the project's.
const OTHERS: [&str; 2] = ["target", "node_modules"];

/// The `.http` files in `folder` and below, in the order of their paths.
///
/// # Errors
///
/// If there are too many.
pub(super) fn find(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let mut found = Vec::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        // A folder that cannot be read is none of the project's.
        for entry in fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok) {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && depth < DEEPEST && !name.starts_with('.') && !OTHERS.contains(&&*name) {
                folders.push((path, depth + 1));
            } else if !kind.is_dir() && path.extension().is_some_and(|ending| ending == "http") {
                found.push(path);
            }
            if found.len() > MOST {
                let wrong = format!("there are more than {MOST} .http files in it");
                return Err(Problem::new(folder.display().to_string(), wrong)
                    .remedy("run this in the folder of a project"));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The text of an `.http` file.
///
/// # Errors
///
/// If it cannot be read.
pub(super) fn read_tests(file: &Path) -> Result<String, Problem> {
    let wrong = |wrong: String| Problem::new(file.display().to_string(), wrong);
    let bytes = patchboard_files::read(file, LONGEST_TESTS)
        .map_err(|error| wrong(format!("cannot be read: {error}")).remedy("correct or remove it"))?;
    String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8".to_owned()).remedy("save it as UTF-8"))
}

/// What is in a file that a test names.
///
/// # Errors
///
/// If it cannot be read.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, String> {
    patchboard_files::read(file, LONGEST).map_err(|error| {
        format!("cannot read {}: {error}; its path is relative to this file's", file.display())
    })
}
