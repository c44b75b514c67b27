//! `manifest.jsonl` of a backup: a line of JSON that says what it is, one for each folder and
//! file, and one at the end that says how many these are, without which it is not whole.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Its name.
pub(super) const MANIFEST: &str = "manifest.jsonl";
/// The folder of the backup with all that it lists.
pub(super) const FILES: &str = "data";
/// What this program writes, and reads.
const FORM: u32 = 1;
/// The longest line: a path is 4 KiB at most, and six times that where it is escaped.
const LONGEST: u64 = 64 << 10;

/// A line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Head(Head),
    File(Entry),
    Folder { folder: String },
    End(End),
}

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    backup_of_patchboard: u32,
    made: String,
}

/// The last line.
#[derive(Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    pub(super) files: u64,
    pub(super) total_bytes: u64,
}

/// A file of the backup.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Its path in the data folder, and in that of the backup.
    pub(super) file: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// What the list has.
#[derive(Debug)]
pub(super) enum Item {
    Folder(String),
    File(Entry),
}

/// Writes one.
pub(super) struct Writer {
    out: BufWriter<File>,
    end: End,
}

impl Writer {
    pub(super) fn create(backup: &Path) -> io::Result<Self> {
        let made = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
        let out = BufWriter::new(File::create_new(backup.join(MANIFEST))?);
        let mut writer = Self { out, end: End::default() };
        writer.line(&Line::Head(Head { backup_of_patchboard: FORM, made }))?;
        Ok(writer)
    }

    pub(super) fn add(&mut self, item: Item) -> io::Result<()> {
        match item {
            Item::Folder(folder) => self.line(&Line::Folder { folder }),
            Item::File(entry) => {
                self.end.files += 1;
                self.end.total_bytes += entry.bytes;
                self.line(&Line::File(entry))
            }
        }
    }

    /// Writes the end; gives what it says.
    pub(super) fn finish(mut self) -> io::Result<End> {
        let end = std::mem::take(&mut self.end);
        let End { files, total_bytes } = end;
        self.line(&Line::End(End { files, total_bytes }))?;
        self.out.flush()?;
        Ok(end)
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, line)?;
        self.out.write_all(b"\n")
    }
}

/// Reads one, an item at a time.
pub(super) struct Reader {
    from: BufReader<File>,
    line: u64,
    sum: End,
    /// When the backup was made.
    pub(super) made: String,
}

impl Reader {
    pub(super) fn open(backup: &Path) -> Result<Self, String> {
        let path = backup.join(MANIFEST);
        let file = File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!("it is no backup: it has no {MANIFEST}"),
            _ => super::cannot("read", &path, &error).to_string(),
        })?;
        let mut reader =
            Self { from: BufReader::new(file), line: 0, sum: End::default(), made: String::new() };
        match reader.next_line()? {
            Line::Head(head) if head.backup_of_patchboard == FORM => reader.made = head.made,
            Line::Head(head) => {
                let form = head.backup_of_patchboard;
                return Err(format!(
                    "its form is {form}, and this program reads {FORM}; use the Patchboard that made it"
                ));
            }
            _ => return Err(reader.damaged()),
        }
        Ok(reader)
    }

    /// The next item; none where there are no more, and all were there.
    pub(super) fn next(&mut self) -> Result<Option<Item>, String> {
        match self.next_line()? {
            Line::Folder { folder } if is_plain(&folder) => Ok(Some(Item::Folder(folder))),
            Line::File(entry) if is_plain(&entry.file) => {
                self.sum.files += 1;
                self.sum.total_bytes = self.sum.total_bytes.saturating_add(entry.bytes);
                Ok(Some(Item::File(entry)))
            }
            Line::End(end) if end == self.sum => Ok(None),
            _ => Err(self.damaged()),
        }
    }

    /// What has been read.
    pub(super) fn sum(&self) -> &End {
        &self.sum
    }

    fn next_line(&mut self) -> Result<Line, String> {
        let mut text = Vec::new();
        self.line += 1;
        let read = self.from.by_ref().take(LONGEST).read_until(b'\n', &mut text);
        read.map_err(|error| format!("cannot read its {MANIFEST}: {error}"))?;
        if !text.ends_with(b"\n") {
            return Err(format!("it is not whole: its {MANIFEST} breaks off at line {}", self.line));
        }
        serde_json::from_slice(&text).map_err(|_| self.damaged())
    }

    fn damaged(&self) -> String {
        format!("its {MANIFEST} is damaged at line {}", self.line)
    }
}

/// Whether a path stays beneath its folder, and is none of the server's own.
fn is_plain(path: &str) -> bool {
    !path.contains('\0')
        && !path.starts_with(super::RESERVED)
        && path.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn written(items: Vec<Item>) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::create(folder.path()).unwrap();
        items.into_iter().for_each(|item| writer.add(item).unwrap());
        writer.finish().unwrap();
        let text = fs::read_to_string(folder.path().join(MANIFEST)).unwrap();
        (folder, text)
    }

    fn read(folder: &Path) -> Result<u64, String> {
        let mut reader = Reader::open(folder)?;
        while reader.next()?.is_some() {}
        Ok(reader.sum().files)
    }

    fn entry(file: &str) -> Item {
        Item::File(Entry { file: file.to_owned(), bytes: 3, sha256: "00".to_owned() })
    }

    #[test]
    fn what_is_written_is_read_and_less_of_it_is_not() {
        let (folder, text) = written(vec![Item::Folder("a".to_owned()), entry("a/\"b\n"), entry("c")]);
        assert_eq!(read(folder.path()), Ok(2));
        let path = folder.path().join(MANIFEST);
        for length in 0..text.len() {
            fs::write(&path, &text[..length]).unwrap();
            assert!(read(folder.path()).is_err(), "{length}");
        }
        let lines: Vec<&str> = text.lines().collect();
        for left_out in 0..lines.len() {
            let mut rest = lines.clone();
            let line = rest.remove(left_out);
            fs::write(&path, rest.join("\n") + "\n").unwrap();
            // A folder is made with what is in it.
            assert_eq!(read(folder.path()).is_err(), !line.contains("folder"), "{line}");
        }
    }

    #[test]
    fn nothing_leads_out_of_the_folder() {
        for path in ["", "/a", "../a", "a/../b", "a//b", "a/", "./a", "a/.", "a\0", ".patchboard-restore/a"] {
            let (folder, _) = written(vec![entry(path)]);
            assert!(read(folder.path()).unwrap_err().contains("damaged at line 2"), "{path}");
        }
        let (folder, _) = written(vec![Item::Folder("..".to_owned())]);
        assert!(read(folder.path()).is_err());
    }
}
