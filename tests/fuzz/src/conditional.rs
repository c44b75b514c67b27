//! Conditional requests (RFC 9110 section 13): which conditions hold, and in which
//! order they count (section 13.2.2).
//!
//! The input is header lines, `name: value`, in which `{etag}` stands for the file's own
//! tag. A second implementation says what each condition comes to, and with it which
//! statuses are right: more than one only where a list of tags is malformed and our tag
//! is somewhere in it, for which the RFC has no rule.

use std::fs::File;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use httpdate::HttpDate;

use crate::folder::{Folder, header};

const CONTENT: &[u8] = b"0123456789";
/// Sun, 06 Nov 1994 08:49:37 GMT.
const MODIFIED: Duration = Duration::from_secs(784_111_777);

thread_local! {
    static FOLDER: Folder = Folder::new(|root| {
        let mut file = File::create(root.join("file"))?;
        file.write_all(CONTENT)?;
        file.set_modified(SystemTime::UNIX_EPOCH + MODIFIED)
    });
    static TAG: String = FOLDER.with(|folder| {
        let Ok(request) = Request::get("/file").body(()) else { return String::new() };
        header(&folder.ask(request), "etag").to_owned()
    });
}

/// Whether a condition holds; none where the RFC does not say.
type Holds = Option<bool>;

/// Runs the target.
pub fn run(data: &[u8]) {
    TAG.with(|tag| {
        assert!(tag.len() > 2, "the file has no tag");
        let Some(headers) = headers(data, tag) else { return };
        for method in [Method::GET, Method::HEAD] {
            let expected = statuses(&method, &headers, tag);
            let mut request = Request::new(());
            *request.method_mut() = method.clone();
            *request.uri_mut() = http::Uri::from_static("/file");
            *request.headers_mut() = headers.clone();
            FOLDER.with(|folder| check(folder, request, &expected, tag));
        }
    });
}

fn headers(data: &[u8], tag: &str) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in std::str::from_utf8(data).ok()?.lines() {
        let (name, value) = line.split_once(':')?;
        let name: HeaderName = name.parse().ok()?;
        // Others are another target's subject, but for a range, as If-Range decides on it.
        let is_range = name == "range" && value.trim() == "bytes=2-4";
        if !name.as_str().starts_with("if-") && !is_range {
            return None;
        }
        // As a parser of HTTP leaves it.
        let value = value.replace("{etag}", tag);
        headers.append(name, HeaderValue::from_str(value.trim_matches([' ', '\t'])).ok()?);
    }
    Some(headers)
}

/// The statuses that may be answered, by section 13.2.2.
fn statuses(method: &Method, headers: &HeaderMap, tag: &str) -> Vec<u16> {
    let modified = SystemTime::UNIX_EPOCH + MODIFIED;
    let first = match names_tag(headers, "if-match", tag, false) {
        None => date(headers, "if-unmodified-since").map_or(Some(true), |date| Some(modified <= date)),
        Some(holds) => holds,
    };
    let second = match names_tag(headers, "if-none-match", tag, true) {
        None => date(headers, "if-modified-since").map_or(Some(true), |date| Some(modified > date)),
        Some(holds) => holds.map(|holds| !holds),
    };
    let ranges = headers.get_all("range").iter().count();
    let proceed = if ranges == 1 && method == Method::GET && if_range(headers, tag) { 206 } else { 200 };
    let mut statuses = Vec::new();
    if first != Some(true) {
        statuses.push(412);
    }
    if first != Some(false) && second != Some(true) {
        statuses.push(304);
    }
    if first != Some(false) && second != Some(false) {
        statuses.push(proceed);
    }
    statuses
}

/// Whether a list of tags (section 8.8.3) holds `tag`; none where there is no list.
fn names_tag(headers: &HeaderMap, name: &str, tag: &str, weakly: bool) -> Option<Holds> {
    let text = |line: &HeaderValue| String::from_utf8_lossy(line.as_bytes()).into_owned();
    let lines: Vec<_> = headers.get_all(name).iter().map(text).collect();
    if lines.is_empty() {
        return None;
    }
    // Several lines are one list (section 5.3).
    let list = lines.join(", ");
    if list == "*" {
        return Some(Some(true));
    }
    match tags(&list) {
        Some(tags) => Some(Some(tags.iter().any(|(weak, found)| *found == tag && (weakly || !weak)))),
        // `*` among lines of a list is malformed too.
        None if list.contains(tag) || lines.iter().any(|line| line == "*") => Some(None),
        None => Some(Some(false)),
    }
}

/// Each tag with whether it is weak; none where the list is malformed.
fn tags(list: &str) -> Option<Vec<(bool, &str)>> {
    let mut tags = Vec::new();
    let mut rest = list;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Some(tags);
        }
        let strong = rest.strip_prefix("W/");
        let weak = strong.is_some();
        let quoted = strong.unwrap_or(rest);
        let end = quoted.strip_prefix('"')?.find('"')? + 2;
        let (tag, after) = quoted.split_at(end);
        let next = after.trim_start_matches([' ', '\t']).chars().next();
        if tag.contains([' ', '\t']) || !matches!(next, None | Some(',')) {
            return None;
        }
        tags.push((weak, tag));
        rest = after;
    }
}

/// Of exactly one line; else the header is ignored (sections 13.1.3 and 13.1.4).
fn date(headers: &HeaderMap, name: &str) -> Option<SystemTime> {
    let lines: Vec<_> = headers.get_all(name).iter().collect();
    let [line] = lines.as_slice() else { return None };
    line.to_str().ok()?.parse().ok().map(|date: HttpDate| date.into())
}

/// Whether the range counts (section 13.1.5): our strong tag, or our very date, once.
fn if_range(headers: &HeaderMap, tag: &str) -> bool {
    let modified = SystemTime::UNIX_EPOCH + MODIFIED;
    match headers.get_all("if-range").iter().collect::<Vec<_>>().as_slice() {
        [] => true,
        [line] => *line == tag || date(headers, "if-range") == Some(modified),
        _ => false,
    }
}

fn check(folder: &Folder, request: Request<()>, expected: &[u16], tag: &str) {
    let is_get = request.method() == Method::GET;
    let asked = format!("{request:?}");
    let response = folder.ask(request);
    let status = response.status().as_u16();
    assert!(expected.contains(&status), "{asked}: {status}, not of {expected:?}");
    if status != 412 {
        assert_eq!(header(&response, "etag"), tag);
        assert_eq!(header(&response, "last-modified"), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
    let body = folder.read(response);
    match status {
        200 if is_get => assert_eq!(body, CONTENT),
        206 => assert_eq!(body, b"234"),
        _ => assert!(body.is_empty(), "{asked}: {body:?}"),
    }
}
