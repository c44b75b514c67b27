//! The page that lists a folder, for step 3: one small HTML document without
//! any other asset, or JSON, as `Accept` asks. Folders come first, then files,
//! by name, size or date as `?sort=` says. Hidden files and whatever would not be
//! served (FIFOs, symbolic links unless they are followed, …) are left out.

use std::cmp::Ordering;
use std::fmt::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

use http::header::VARY;
use http::{HeaderMap, HeaderValue, Response, Uri};
use patchboard_pattern::url::RESERVED;
use percent_encoding::{AsciiSet, percent_decode_str, percent_encode};
use rustix::fs::{AtFlags, Dir, FileType, statat};
use rustix::io::Errno;

use super::access::Access;
use super::error::ServeError;
use super::head;
use super::media_type;
use super::open::{Links, Opened, Root};
use super::path::{FilePath, Hidden};
use super::request::{FileRequest, ReadMethod};
use crate::body::Body;
use crate::negotiate::media_quality;

/// Of a bigger folder, an arbitrary selection of this many entries is listed.
const MAX_ENTRIES: usize = 10_000;

/// All but RFC 3986's unreserved characters: `:` too, lest `javascript:x` be a link.
pub(super) const LINK: &AsciiSet = RESERVED;

/// What decides which entries are shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<'a> {
    pub(super) root: &'a Root,
    pub(super) hidden: &'a Hidden,
    /// The folder's own path.
    pub(super) path: Option<&'a FilePath>,
}

/// One line of the listing.
#[derive(Debug)]
struct Entry {
    is_file: bool,
    name: Vec<u8>,
    size: u64,
    /// Seconds since 1970.
    modified: i64,
}

/// What a listing is sorted by.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Column {
    Name,
    Size,
    Date,
}

/// `?sort=size`, or `?sort=-size` for the largest first.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sort {
    column: Column,
    descending: bool,
}

impl Sort {
    /// What is not understood sorts by name.
    fn of(query: Option<&str>) -> Self {
        let value = query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("sort=")));
        let value = value.unwrap_or_default();
        let column = match value.trim_start_matches('-') {
            "size" => Column::Size,
            "date" => Column::Date,
            _ => Column::Name,
        };
        Self { column, descending: value.starts_with('-') }
    }

    fn compare(self, a: &Entry, b: &Entry) -> Ordering {
        let by_column = match self.column {
            Column::Name => a.name.cmp(&b.name),
            Column::Size => a.size.cmp(&b.size),
            Column::Date => a.modified.cmp(&b.modified),
        };
        let by_column = if self.descending { by_column.reverse() } else { by_column };
        a.is_file.cmp(&b.is_file).then(by_column).then_with(|| a.name.cmp(&b.name))
    }
}

/// Answers with the page of a folder. Blocks.
pub(super) fn answer(
    dir: OwnedFd,
    shown: &Shown<'_>,
    request: &FileRequest<'_>,
) -> Result<Response<Body>, ServeError> {
    let (media_type, page) = page(dir, shown, request.uri, request.headers)?;
    let length = page.len() as u64;
    let body = match request.method {
        ReadMethod::Get => Body::full(page),
        ReadMethod::Head => Body::empty(),
    };
    let mut response = Response::new(body);
    head::put_entity(response.headers_mut(), media_type, length);
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

/// Reads the folder and writes the page, with its media type.
fn page(
    dir: OwnedFd,
    shown: &Shown<'_>,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<(HeaderValue, String), ServeError> {
    let sort = Sort::of(uri.query());
    let (mut entries, complete) = read(dir, shown, MAX_ENTRIES)?;
    entries.sort_unstable_by(|a, b| sort.compare(a, b));
    if media_quality(headers, "application/json") > media_quality(headers, "text/html") {
        return Ok((HeaderValue::from_static("application/json"), json(&entries, complete, uri.path())));
    }
    let depth = shown.path.map_or(0, FilePath::depth);
    Ok((media_type::HTML, render(&entries, complete, uri.path(), depth, sort)))
}

/// The entries, and whether that is all of them.
fn read(dir: OwnedFd, shown: &Shown<'_>, limit: usize) -> Result<(Vec<Entry>, bool), Errno> {
    let mut entries = Vec::new();
    let mut complete = true;
    let mut dir = Dir::new(dir)?;
    while let Some(found) = dir.read() {
        let found = found?;
        let name = found.file_name().to_bytes();
        if matches!(name, b"." | b"..") || shown.hidden.hides(name) {
            continue;
        }
        if entries.len() == limit {
            complete = false;
            break;
        }
        // An entry that went away, or may not be looked at, is left out.
        let Ok(stat) = statat(dir.fd()?, found.file_name(), AtFlags::SYMLINK_NOFOLLOW) else {
            continue;
        };
        let (is_file, size, modified) = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => (true, u64::try_from(stat.st_size).unwrap_or_default(), stat.st_mtime),
            FileType::Directory => (false, 0, stat.st_mtime),
            FileType::Symlink if shown.root.links() == Links::Beneath => match shown.behind_link(name) {
                Some(behind) => behind,
                None => continue,
            },
            _ => continue,
        };
        entries.push(Entry { is_file, name: name.into(), size, modified });
    }
    Ok((entries, complete))
}

impl Shown<'_> {
    /// What a link leads to, if it stays beneath the root.
    fn behind_link(&self, name: &[u8]) -> Option<(bool, u64, i64)> {
        match self.root.open_beneath(&self.path?.below(name), Access::Blocking).ok()? {
            Opened::File(file) => Some((true, file.metadata.len(), file.metadata.mtime())),
            Opened::Directory(dir) => {
                let metadata = std::fs::File::from(dir).metadata().ok()?;
                Some((false, 0, metadata.mtime()))
            }
        }
    }
}

/// The same as data. Names that are no UTF-8 have U+FFFD in `name`; `href` has the bytes.
fn json(entries: &[Entry], complete: bool, url_path: &str) -> String {
    let entries: Vec<_> = entries
        .iter()
        .map(|entry| {
            let slash = if entry.is_file { "" } else { "/" };
            serde_json::json!({
                "name": String::from_utf8_lossy(&entry.name),
                "href": format!("{}{slash}", percent_encode(&entry.name, LINK)),
                "type": if entry.is_file { "file" } else { "directory" },
                "size": entry.is_file.then_some(entry.size),
                "modified": format!("{}Z", date(entry.modified, 'T')),
            })
        })
        .collect();
    let page = serde_json::json!({ "path": url_path, "complete": complete, "entries": entries });
    format!("{page}\n")
}

const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<meta name=\"color-scheme\" content=\"light dark\">
<style>
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.25rem; overflow-wrap: anywhere }
table { width: 100%; border-collapse: collapse }
th a { color: inherit }
th, td { padding: .25rem .5rem; text-align: left; border-bottom: 1px solid #8884 }
td:first-child { overflow-wrap: anywhere }
.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
</style>
";

fn render(entries: &[Entry], complete: bool, url_path: &str, depth: usize, sort: Sort) -> String {
    let mut page = String::with_capacity(HEAD.len() + 1024 + 200 * entries.len());
    let path: Vec<u8> = percent_decode_str(url_path).collect();
    let path = text(&path);
    page.push_str(HEAD);
    // Writing to a `String` cannot fail.
    let _ = write!(page, "<title>Index of {path}</title>\n<h1>Index of <bdi>");
    push_breadcrumb(&mut page, url_path, depth);
    page.push_str("</bdi></h1>\n<table>\n<tr>");
    for (column, key, title) in [
        (Column::Name, "name", "Name"),
        (Column::Size, "size", "Size"),
        (Column::Date, "date", "Modified (UTC)"),
    ] {
        let class = if column == Column::Name { "" } else { " class=\"n\"" };
        let (state, turn) = match (sort.column == column, sort.descending) {
            (true, false) => (" aria-sort=\"ascending\"", "-"),
            (true, true) => (" aria-sort=\"descending\"", ""),
            (false, _) => ("", ""),
        };
        let _ = write!(page, "<th scope=\"col\"{class}{state}><a href=\"?sort={turn}{key}\">{title}</a>");
    }
    page.push('\n');
    if depth > 0 {
        page.push_str("<tr><td><a href=\"../\">../</a><td class=\"n\"><td class=\"n\">\n");
    }
    for entry in entries {
        let slash = if entry.is_file { "" } else { "/" };
        let (link, name) = (percent_encode(&entry.name, LINK), text(&entry.name));
        let date = date(entry.modified, ' ');
        let _ = write!(page, "<tr><td><a href=\"{link}{slash}\"><bdi>{name}</bdi>{slash}</a>");
        page.push_str("<td class=\"n\">");
        if entry.is_file {
            push_size(&mut page, entry.size);
        }
        let _ = writeln!(page, "<td class=\"n\">{date}");
    }
    page.push_str("</table>\n");
    if !complete {
        let _ = writeln!(page, "<p>There is more: only {} entries are shown.", entries.len());
    }
    page
}

/// The path, whose folders below the mount's root are links, the last one aside.
fn push_breadcrumb(page: &mut String, url_path: &str, depth: usize) {
    let folders: Vec<_> = url_path.trim_end_matches('/').split('/').collect();
    for (n, folder) in folders.iter().enumerate() {
        let name: Vec<u8> = percent_decode_str(folder).collect();
        let name = text(&name);
        let above = folders.len().saturating_sub(n + 1);
        if (1..=depth).contains(&above) {
            let _ = write!(page, "<a href=\"{}\">{name}/</a>", "../".repeat(above));
        } else {
            let _ = write!(page, "{name}/");
        }
    }
}

/// A file name as HTML text. What is no UTF-8 and control characters show as
/// U+FFFD; the link beside it keeps the bytes.
fn text(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for character in String::from_utf8_lossy(name).chars() {
        match character {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\'' => text.push_str("&#39;"),
            control if control.is_control() => text.push(char::REPLACEMENT_CHARACTER),
            other => text.push(other),
        }
    }
    text
}

/// Bytes below 1 KiB, else one decimal of the largest unit that fits.
fn push_size(page: &mut String, bytes: u64) {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut size = bytes as f64;
    let mut unit = None;
    for larger in units {
        // 1023.95 would be rounded to 1024.0.
        if size < 1023.95 {
            break;
        }
        size /= 1024.0;
        unit = Some(larger);
    }
    let _ = match unit {
        Some(unit) => write!(page, "{size:.1} {unit}"),
        None => write!(page, "{bytes} B"),
    };
}

/// `YYYY-MM-DD HH:MM`, in UTC, with what stands between.
fn date(seconds: i64, between: char) -> String {
    let (days, minutes) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400) / 60);
    // Days to the proleptic Gregorian calendar, with years that begin in March
    // so that the leap day comes last (H. Hinnant, "chrono-Compatible Low-Level
    // Date Algorithms", `civil_from_days`).
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}{between}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    const BY_NAME: Sort = Sort { column: Column::Name, descending: false };

    fn file(name: &[u8]) -> Entry {
        Entry { is_file: true, name: name.into(), size: 1, modified: 0 }
    }

    #[test]
    fn names_are_escaped_and_links_encoded() {
        let check = |name: &[u8], expected: &str| {
            let page = render(&[file(name)], true, "/", 0, BY_NAME);
            assert!(page.contains(expected), "{expected} in {page}");
        };
        check(
            b"<b>\"&'.txt",
            "<a href=\"%3Cb%3E%22%26%27.txt\"><bdi>&lt;b&gt;&quot;&amp;&#39;.txt</bdi></a>",
        );
        check(b"javascript:x", "<a href=\"javascript%3Ax\">");
        check(b"a b#c?d%e", "<a href=\"a%20b%23c%3Fd%25e\"><bdi>a b#c?d%e</bdi>");
        check(b"\xffo\n", "<a href=\"%FFo%0A\"><bdi>\u{fffd}o\u{fffd}</bdi>");
        check("\u{fc}".as_bytes(), "<a href=\"%C3%BC\"><bdi>\u{fc}</bdi>");
    }

    #[test]
    fn the_requested_path_is_decoded_and_escaped() {
        let page = render(&[], true, "/a/%3Cscript%3E/", 1, BY_NAME);
        assert!(page.contains("<title>Index of /a/&lt;script&gt;/</title>"), "{page}");
        assert!(!page.contains("<script>"));
    }

    #[test]
    fn only_below_the_root_is_there_a_way_up() {
        assert!(render(&[], true, "/a/", 1, BY_NAME).contains("href=\"../\""));
        assert!(!render(&[], true, "/", 0, BY_NAME).contains("href=\"../\""));
    }

    #[test]
    fn sizes() {
        let check = |bytes: u64, expected: &str| {
            let mut size = String::new();
            push_size(&mut size, bytes);
            assert_eq!(size, expected);
        };
        check(0, "0 B");
        check(1023, "1023 B");
        check(1024, "1.0 KiB");
        check(1536, "1.5 KiB");
        check(1024 * 1024 - 1, "1.0 MiB");
        check(5 << 30, "5.0 GiB");
        check(u64::MAX, "16.0 EiB");
    }

    #[test]
    fn dates() {
        let check = |seconds: i64, expected: &str| assert_eq!(date(seconds, ' '), expected);
        check(0, "1970-01-01 00:00");
        check(-60, "1969-12-31 23:59");
        check(951_782_400, "2000-02-29 00:00");
        check(784_111_777, "1994-11-06 08:49");
        check(4_107_542_399, "2100-02-28 23:59");
        check(4_107_542_400, "2100-03-01 00:00");
    }

    #[test]
    fn a_big_folder_is_cut_short_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let open = || std::fs::File::open(dir.path()).unwrap().into();
        let root = Root::open(dir.path(), Links::Refuse).unwrap();
        let config = super::super::MountConfig::new("", dir.path());
        let hidden = config.hidden_names().unwrap();
        let shown = Shown { root: &root, hidden: &hidden, path: None };
        let (entries, complete) = read(open(), &shown, 2).unwrap();
        assert_eq!((entries.len(), complete), (2, false));
        assert!(render(&entries, complete, "/", 0, BY_NAME).contains("only 2 entries are shown"));
        let (entries, complete) = read(open(), &shown, 3).unwrap();
        assert_eq!((entries.len(), complete), (3, true));
    }
}
