//! The floors of `host/src/handlers`, as the table in ARCHITECTURE.md has them.
//!
//! The table's first column is called `floor`; a row has a number (or `roof`), and in
//! its second column the files and folders of that floor, each in backticks and seen
//! from `handlers/`: `state.rs`, `pool/`, `grants/*/link.rs` for such a file in each
//! folder, `../deploy/` for what is outside. The longest name that fits a file counts.
//!
//! A file imports only from floors below its own; on the same floor only inside the
//! folder that the table names. The lowest floor has an order of its own.

use std::collections::BTreeSet;

use crate::tree::Arrow;

/// The folder that the names are seen from.
const HANDLERS: &str = "host/src/handlers/";

/// Above all that have numbers.
const ROOF: u32 = u32::MAX;

/// The floors, with what is on them.
pub(crate) struct Floors {
    entries: Vec<Entry>,
}

struct Entry {
    floor: u32,
    /// From the root of the workspace; a folder ends in `/`.
    pattern: String,
}

impl Floors {
    /// Reads the table of this document.
    pub(crate) fn read(document: &str) -> Result<Self, String> {
        let mut rows = document.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
        rows.find(|cells| cells.get(1) == Some(&"floor"))
            .ok_or("ARCHITECTURE.md has no table whose first column is `floor`")?;
        let mut entries = Vec::new();
        for cells in rows.skip(1).take_while(|cells| cells.len() > 2) {
            let floor = match cells[1] {
                "roof" => ROOF,
                number => number
                    .parse()
                    .map_err(|_| format!("the table of floors in ARCHITECTURE.md: `{number}` is no floor"))?,
            };
            for name in cells[2].split('`').skip(1).step_by(2) {
                let pattern = name
                    .strip_prefix("../")
                    .map_or_else(|| format!("{HANDLERS}{name}"), |name| format!("host/src/{name}"));
                entries.push(Entry { floor, pattern });
            }
        }
        Ok(Self { entries })
    }

    /// Files that are on no floor, and names that fit no file.
    pub(crate) fn misplaced(&self, files: &BTreeSet<&str>) -> Vec<String> {
        let homeless = files.iter().filter(|file| file.starts_with(HANDLERS) && self.find(file).is_none());
        let empty = self.entries.iter().filter(|entry| !files.iter().any(|file| entry.room(file).is_some()));
        let twice = self.entries.iter().enumerate().filter(|(index, entry)| {
            self.entries[..*index].iter().any(|other| other.pattern == entry.pattern)
        });
        homeless
            .map(|file| format!("{file} is on no floor: the table in ARCHITECTURE.md has a row a floor"))
            .chain(empty.map(|entry| {
                format!(
                    "the table of floors in ARCHITECTURE.md names {}, which is no file or folder",
                    entry.pattern
                )
            }))
            .chain(twice.map(|(_, entry)| {
                format!("the table of floors in ARCHITECTURE.md names {} twice", entry.pattern)
            }))
            .collect()
    }

    /// What is wrong with an arrow.
    pub(crate) fn wrong(&self, arrow: &Arrow) -> Option<String> {
        let (from, room) = self.find(&arrow.from)?;
        let (to, other) = self.find(&arrow.to)?;
        let lowest = self.entries.iter().map(|entry| entry.floor).min();
        let right = to < from || to == from && (room == other && room.ends_with('/') || Some(from) == lowest);
        (!right).then(|| {
            let Arrow { from: file, line, path, to: target } = arrow;
            format!("{file}:{line}: `{path}` leads from floor {} to floor {}, {target}", name(from), name(to))
        })
    }

    /// A file's floor, and the room on it.
    fn find<'a>(&self, file: &'a str) -> Option<(u32, &'a str)> {
        let rooms = self.entries.iter().filter_map(|entry| Some((entry, entry.room(file)?)));
        let plain = |entry: &Entry| {
            (entry.pattern.matches('/').count(), !entry.pattern.ends_with('/'), !entry.pattern.contains('*'))
        };
        rooms.max_by_key(|(entry, _)| plain(entry)).map(|(entry, room)| (entry.floor, room))
    }
}

impl Entry {
    /// The file or the folder that this entry is for a file.
    fn room<'a>(&self, file: &'a str) -> Option<&'a str> {
        let mut length = 0;
        let mut rest = file.split_inclusive('/');
        for wanted in self.pattern.split_inclusive('/') {
            let part = rest.next()?;
            if wanted != part && !(wanted == "*/" && part.ends_with('/')) {
                return None;
            }
            length += part.len();
        }
        (self.pattern.ends_with('/') || length == file.len()).then(|| &file[..length])
    }
}

fn name(floor: u32) -> String {
    if floor == ROOF { "roof".to_owned() } else { floor.to_string() }
}
