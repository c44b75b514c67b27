//! Components of any kind: loading one never takes the host down.
//!
//! The input is a recipe: in the first line a built guest, then changes to it, a line
//! each; an input that begins as WebAssembly does is taken as it is. A guest that nothing
//! was changed in is loaded; anything else is loaded, or refused with a reason, and keeps
//! its routes then, which answer 503.

use std::path::Path;
use std::{fs, io};

use crate::loading;
use crate::wasm::{Binary, Content, MODULE};

/// Guests that a recipe may begin with, and their folders below `target/`.
const GUESTS: [(&str, &str); 4] =
    [("hello", "handlers"), ("p2-hello", "test-guests"), ("p3-hello", "test-guests"), ("raw", "test-guests")];
const MOST_CHANGES: usize = 8;

/// Runs the target.
pub fn run(data: &[u8]) {
    if data.starts_with(&MODULE[..4]) {
        return check(data, Expected::Either);
    }
    let Ok(recipe) = std::str::from_utf8(data) else { return };
    let mut lines = recipe.lines();
    let guest = lines.next().unwrap_or_default();
    let Some((name, folder)) = GUESTS.iter().find(|(name, _)| *name == guest) else { return };
    let bytes = read(name, folder);
    let Some(mut binary) = Binary::parse(&bytes) else { panic!("{name} is no WebAssembly") };
    assert!(binary.bytes() == bytes, "{name} is not the same when put together");
    let (before, after): (Vec<_>, Vec<_>) =
        lines.take(MOST_CHANGES).filter_map(Change::parse).partition(|change| !change.is_of_bytes());
    for change in &before {
        change.apply(&mut binary);
    }
    let mut bytes = binary.bytes();
    for change in &after {
        change.apply_to_bytes(&mut bytes);
    }
    let untouched = before.is_empty() && after.is_empty();
    check(&bytes, if untouched { Expected::Loaded } else { Expected::Either });
}

enum Expected {
    Loaded,
    Either,
}

fn check(bytes: &[u8], expected: Expected) {
    match loading::load(bytes) {
        Ok(handler) => assert!(!handler.routes().is_empty(), "a handler without routes"),
        Err(error) => {
            assert!(matches!(expected, Expected::Either), "{error}");
            assert!(!error.to_string().is_empty(), "refused without a reason");
            assert!(!error.claims.is_empty(), "a broken handler would be a 404: {error}");
        }
    }
}

fn read(name: &str, folder: &str) -> Vec<u8> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let path = target.join(folder).join(format!("{name}.wasm"));
    let read = |error: io::Error| panic!("{}: {error}; run `cargo xtask guests --tests`", path.display());
    fs::read(&path).unwrap_or_else(read)
}

/// A change: its word, and numbers, each taken modulo what there is.
struct Change<'r> {
    word: &'r str,
    numbers: [usize; 3],
}

impl<'r> Change<'r> {
    fn parse(line: &'r str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let word = words.next()?;
        let known = ["hollow", "drop", "repeat", "swap", "set", "cut", "byte", "end"];
        let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or_default();
        known.contains(&word).then(|| Self { word, numbers: [number(), number(), number()] })
    }

    /// Whether it is made in the whole, and so makes lengths wrong.
    fn is_of_bytes(&self) -> bool {
        matches!(self.word, "byte" | "end")
    }

    fn apply(&self, binary: &mut Binary) {
        let [first, second, third] = self.numbers;
        if self.word == "hollow" {
            return binary.hollow();
        }
        let count = binary.count().max(1);
        let Some((sections, at)) = binary.find(first % count) else { return };
        match self.word {
            "drop" => drop(sections.remove(at)),
            "repeat" => sections.insert(at, sections[at].clone()),
            "swap" => {
                let other = second % sections.len();
                sections.swap(at, other);
            }
            _ => {
                let Content::Bytes(content) = &mut sections[at].content else { return };
                let at = second % content.len().max(1);
                match (self.word, content.get_mut(at)) {
                    ("set", Some(byte)) => *byte = third as u8,
                    ("cut", Some(_)) => drop(content.drain(at..content.len().min(at + third))),
                    _ => {}
                }
            }
        }
    }

    fn apply_to_bytes(&self, bytes: &mut Vec<u8>) {
        let [at, value, _] = self.numbers;
        let at = at % bytes.len().max(1);
        match (self.word, bytes.get_mut(at)) {
            ("byte", Some(byte)) => *byte = value as u8,
            ("end", _) => bytes.truncate(at),
            _ => {}
        }
    }
}
