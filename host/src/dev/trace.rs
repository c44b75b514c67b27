//! Where a call was in its author's own code: of a backtrace, what lies in the folder of the sources,
//! with the lines around it as they are there now.

use std::path::{Component, Path, PathBuf};

use crate::handlers::Frame;

/// Places that are shown.
const MOST: usize = 8;
/// The longest file that is read for them, in bytes.
const LONGEST: u64 = 4 << 20;
/// Lines that are shown before and after.
const AROUND: usize = 3;
/// The longest line that is shown, in bytes.
const LONGEST_LINE: usize = 400;

/// A place in a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The function, where it is known.
    pub(super) function: String,
    /// From the folder of the sources.
    pub(super) file: String,
    pub(super) line: u32,
    /// The lines around it, with their numbers.
    pub(super) lines: Vec<(u32, String)>,
}

/// The author's places of a call that has panicked at `panicked`, if it has, and was in `frames`.
pub(super) fn places(root: &Path, panicked: Option<(&str, u32)>, frames: &[Frame]) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    let first = panicked.map(|(file, line)| ("", file, line));
    let others =
        frames.iter().filter_map(|frame| Some((&*frame.function, frame.file.as_deref()?, frame.line?)));
    for (function, file, line) in first.into_iter().chain(others) {
        if places.len() == MOST {
            break;
        }
        // What a macro has made of the author's code, such as a route's attribute.
        if function.contains("::_::") {
            continue;
        }
        let Some(path) = own(root, file) else { continue };
        let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        if let Some(known) = places.iter_mut().find(|place| place.file == shown && place.line == line) {
            if known.function.is_empty() {
                function.clone_into(&mut known.function);
            }
            continue;
        }
        let Some(lines) = around(&path, line) else { continue };
        places.push(Place { function: function.to_owned(), file: shown, line, lines });
    }
    places
}

/// A file of the author's: below `root`, and in no folder of the SDK's or of what is built.
fn own(root: &Path, file: &str) -> Option<PathBuf> {
    let path = root.join(file).canonicalize().ok()?;
    let mut folders = path.strip_prefix(root).ok()?.components();
    let is_others = |part: Component<'_>| {
        let name = part.as_os_str().to_string_lossy();
        name.starts_with('.') || name == "target"
    };
    (!folders.any(is_others)).then_some(path)
}

fn around(path: &Path, line: u32) -> Option<Vec<(u32, String)>> {
    let text = String::from_utf8(patchboard_files::read(path, LONGEST).ok()?).ok()?;
    let at = usize::try_from(line).ok()?.checked_sub(1)?;
    let first = at.saturating_sub(AROUND);
    let lines = text.lines().enumerate().skip(first).take(at - first + 1 + AROUND);
    let lines: Vec<_> = lines
        .map(|(index, text)| {
            let shown = text.get(..text.floor_char_boundary(LONGEST_LINE)).unwrap_or_default();
            (u32::try_from(index + 1).unwrap_or(u32::MAX), shown.to_owned())
        })
        .collect();
    lines.iter().any(|(number, _)| *number == line).then_some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_authors_own_lines_are_shown() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for file in ["src/lib.rs", ".patchboard/sdk/lib.rs", "target/made.rs"] {
            std::fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            std::fs::write(root.join(file), "1\n2\n3\n4\n5\n6\n7\n8\n").unwrap();
        }
        let frame = |file: &str, line| Frame {
            function: "f".to_owned(),
            file: Some(root.join(file).display().to_string()),
            line: Some(line),
        };
        let frames = [
            frame("../../rustc/core/panicking.rs", 1),
            frame("/etc/passwd", 1),
            frame(".patchboard/sdk/lib.rs", 1),
            frame("target/made.rs", 1),
            frame("src/lib.rs", 2),
            frame("src/lib.rs", 8),
            frame("src/lib.rs", 9),
            Frame { function: "a::_::call".to_owned(), ..frame("src/lib.rs", 5) },
        ];
        let found = places(&root, Some(("src/lib.rs", 2)), &frames);
        let shown: Vec<_> = found
            .iter()
            .map(|place| {
                (
                    &*place.function,
                    &*place.file,
                    place.line,
                    place.lines.first().unwrap().0,
                    place.lines.len(),
                )
            })
            .collect();
        assert_eq!(shown, [("f", "src/lib.rs", 2, 1, 5), ("f", "src/lib.rs", 8, 5, 4)]);
    }
}
