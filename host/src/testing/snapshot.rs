//! Answers as they were once found right: a file each, in the folder `snapshots` beside the
//! tests' own.

use std::fs;
use std::path::{Path, PathBuf};

use http::{HeaderMap, StatusCode};

use super::files;
use super::outcome::Failure;

/// Fields that differ from one answer to the next, or tell nothing that the body does not.
const LEFT_OUT: [&str; 4] = ["date", "x-request-id", "content-length", "transfer-encoding"];

/// Where the snapshot of the `number`th request of a test is.
pub(super) fn path(tests: &Path, test: &str, number: usize) -> PathBuf {
    let stem = tests.file_stem().unwrap_or_default().to_string_lossy();
    let is_plain = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let name: String = test.chars().map(|c| if is_plain(c) { c } else { '-' }).take(100).collect();
    let number = if number > 1 { format!(".{number}") } else { String::new() };
    tests.with_file_name("snapshots").join(format!("{stem}.{name}{number}.txt"))
}

/// An answer as it is kept.
pub(super) fn text(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> String {
    let mut text = format!("HTTP/1.1 {status}\n");
    let mut fields: Vec<_> = headers
        .iter()
        .filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    fields.sort();
    text.extend(fields);
    text + "\n" + &String::from_utf8_lossy(body)
}

/// Holds `text` against the snapshot at `path`; or writes it there, where it is `updated` and
/// another, which it says.
pub(super) fn compare(line: usize, path: &Path, text: &str, updated: bool) -> Result<bool, Failure> {
    let shown = path.display();
    let kept = match path.exists() {
        true => Some(files::read(path).map_err(|problem| Failure::new(line, problem))?),
        false => None,
    };
    if kept.as_deref() == Some(text.as_bytes()) {
        return Ok(false);
    }
    if updated {
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, text));
        return match written {
            Ok(()) => Ok(true),
            Err(error) => Err(Failure::new(line, format!("cannot write {shown}: {error}"))),
        };
    }
    let Some(kept) = kept else {
        let what =
            format!("there is no snapshot {shown} yet; look at what is there, and run this with --update");
        return Err(Failure { line, what, compared: Some(("a snapshot".to_owned(), text.to_owned())) });
    };
    let kept = String::from_utf8_lossy(&kept).into_owned();
    let what = format!("the snapshot {shown} is another; where this one is right, run this with --update");
    Err(Failure { line, what, compared: Some(difference(&kept, text)) })
}

/// The lines in which two texts differ, from the first on.
fn difference(expected: &str, got: &str) -> (String, String) {
    let same = expected.lines().zip(got.lines()).take_while(|(expected, got)| expected == got).count();
    let rest = |text: &str| {
        let lines: Vec<_> = text.lines().skip(same).take(10).collect();
        if lines.is_empty() {
            "(the end)".to_owned()
        } else {
            format!("line {}: {}", same + 1, lines.join("\n"))
        }
    };
    (rest(expected), rest(got))
}
