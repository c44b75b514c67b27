//! The `Range` header (RFC 9110 section 14): which bytes of a file are sent.
//!
//! The input is the header, a line for each time it is given. Files of several lengths,
//! one of them huge, are asked for with it. Status and parts must be those that a second
//! implementation, by sorting rather than step by step, finds; the body must be those
//! bytes of the file.

use std::ops::Range;

use http::{HeaderValue, Request, Response};
use patchboard_server::body::Body;

use crate::folder::{Folder, content, header, write_content};

/// The lengths, which are also the names of the files.
const LENGTHS: [u64; 5] = [0, 1, 200, 6000, 1 << 40];

/// Of more ranges than this the header is ignored; of more parts all is sent.
const MOST_RANGES: usize = 64;
const MOST_PARTS: usize = 16;
/// Parts that are no further apart than this become one, and each counts for as much.
const PART_HEAD_BYTES: u128 = 128;

thread_local! {
    static FOLDER: Folder = Folder::new(|root| {
        LENGTHS.iter().try_for_each(|length| write_content(&root.join(length.to_string()), *length))
    });
}

/// What is sent.
#[derive(Debug)]
enum Selection {
    Whole,
    Parts(Vec<Range<u128>>),
    Nothing,
}

/// Runs the target.
pub fn run(data: &[u8]) {
    let lines: Result<Vec<_>, _> = data.split(|byte| *byte == b'\n').map(HeaderValue::from_bytes).collect();
    let Ok(lines) = lines else { return };
    for length in LENGTHS {
        let mut request = Request::get(format!("/{length}"));
        for line in &lines {
            request = request.header("range", line);
        }
        let Ok(request) = request.body(()) else { return };
        let selection = match lines.as_slice() {
            [line] => select(line, u128::from(length)),
            _ => Selection::Whole,
        };
        FOLDER.with(|folder| check(folder, folder.ask(request), &selection, length));
    }
}

/// The parts of a representation of `length` bytes that `line` asks for.
fn select(line: &HeaderValue, length: u128) -> Selection {
    let Some(specs) = line.to_str().ok().and_then(parse) else { return Selection::Whole };
    let within = specs.iter().map(|spec| match *spec {
        (Some(first), last) => first..last.map_or(length, |last| length.min(last.saturating_add(1))),
        (None, count) => length.saturating_sub(count.unwrap_or_default())..length,
    });
    let mut ranges: Vec<_> = within.enumerate().filter(|(_, range)| !range.is_empty()).collect();
    ranges.sort_by_key(|(_, range)| range.start);
    let mut parts: Vec<(usize, Range<u128>)> = Vec::new();
    for (place, range) in ranges {
        match parts.last_mut() {
            Some((first, part)) if range.start <= part.end + PART_HEAD_BYTES => {
                part.end = part.end.max(range.end);
                *first = place.min(*first);
            }
            _ => parts.push((place, range)),
        }
    }
    // Parts come in the order in which they were asked for.
    parts.sort_by_key(|(place, _)| *place);
    let cost: u128 = parts.iter().map(|(_, part)| part.end - part.start + PART_HEAD_BYTES).sum();
    match parts.len() {
        // RFC 9110, section 14.1.2: nothing has last bytes too, all of which are sent.
        0 if specs.iter().any(|spec| matches!(spec, (None, Some(1..)))) => Selection::Whole,
        0 => Selection::Nothing,
        2.. if parts.len() > MOST_PARTS || cost >= length => Selection::Whole,
        _ => Selection::Parts(parts.into_iter().map(|(_, part)| part).collect()),
    }
}

/// First and last position of each range, or none and a suffix's length.
fn parse(line: &str) -> Option<Vec<(Option<u128>, Option<u128>)>> {
    let (unit, set) = line.split_at_checked(6)?;
    if !unit.eq_ignore_ascii_case("bytes=") {
        return None;
    }
    let position = |digits: &str| match digits {
        "" => Some(None),
        // Of more digits than any length has.
        _ if digits.chars().all(|c| c.is_ascii_digit()) => Some(Some(digits.parse().unwrap_or(u128::MAX))),
        _ => None,
    };
    let elements = set.split(',').map(|element| element.trim_matches([' ', '\t']));
    let specs = elements.filter(|element| !element.is_empty()).map(|element| {
        let (first, last) = element.split_once('-')?;
        match (position(first)?, position(last)?) {
            (None, None) => None,
            // Beyond 64 bits all positions are the same one, the end of any file.
            (Some(first), Some(last)) if first > last && last < u128::from(u64::MAX) => None,
            positions => Some(positions),
        }
    });
    let specs: Vec<_> = specs.collect::<Option<_>>()?;
    (1..=MOST_RANGES).contains(&specs.len()).then_some(specs)
}

fn check(folder: &Folder, response: Response<Body>, selection: &Selection, length: u64) {
    let expected = match selection {
        Selection::Whole => 200,
        Selection::Parts(_) => 206,
        Selection::Nothing => 416,
    };
    assert_eq!(response.status().as_u16(), expected, "{length} bytes: {selection:?}");
    assert_eq!(header(&response, "accept-ranges"), "bytes");
    match selection {
        Selection::Whole => assert_is(folder, response, 0..u128::from(length), length),
        Selection::Nothing => {
            assert_eq!(header(&response, "content-range"), format!("bytes */{length}"));
            assert!(folder.read(response).is_empty());
        }
        Selection::Parts(parts) => match parts.as_slice() {
            [part] => {
                assert_eq!(header(&response, "content-range"), content_range(part, length));
                assert_is(folder, response, part.clone(), length);
            }
            parts => assert_are(folder, response, parts, length),
        },
    }
}

fn content_range(part: &Range<u128>, length: u64) -> String {
    format!("bytes {}-{}/{length}", part.start, part.end - 1)
}

/// These bytes of the file of this length; none where it is too large to be read.
fn slice(part: &Range<u128>, length: u64) -> Option<Vec<u8>> {
    let place = usize::try_from(part.start).ok()?..usize::try_from(part.end).ok()?;
    content(length).map(|content| content.get(place).unwrap_or_default().to_vec())
}

/// That the body is this part of the file.
fn assert_is(folder: &Folder, response: Response<Body>, part: Range<u128>, length: u64) {
    let sent = part.end - part.start;
    assert_eq!(header(&response, "content-length"), sent.to_string());
    if let Some(expected) = slice(&part, length) {
        assert_eq!(folder.read(response), expected, "{part:?} of {length}");
    }
}

/// That the body is these parts of the file, as `multipart/byteranges` (section 14.6).
fn assert_are(folder: &Folder, response: Response<Body>, parts: &[Range<u128>], length: u64) {
    let boundary = header(&response, "content-type").strip_prefix("multipart/byteranges; boundary=");
    let Some(boundary) = boundary.map(str::to_owned) else { panic!("{response:?} is not in parts") };
    let announced = header(&response, "content-length").to_owned();
    if content(length).is_none() {
        return;
    }
    let body = folder.read(response);
    assert_eq!(announced, body.len().to_string());
    let mut rest = body.as_slice();
    for (at, part) in parts.iter().enumerate() {
        let before = if at == 0 { "" } else { "\r\n" };
        rest = after(rest, format!("{before}--{boundary}\r\n").as_bytes());
        let end = rest.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or_default();
        let (head, content) = rest.split_at(end + 4);
        let head = String::from_utf8_lossy(head).to_ascii_lowercase();
        assert!(head.contains(&format!("content-range: {}\r\n", content_range(part, length))), "{head}");
        rest = after(content, &slice(part, length).unwrap_or_default());
    }
    assert_eq!(rest, format!("\r\n--{boundary}--\r\n").as_bytes());
}

/// What follows `start`, which has to be there.
fn after<'a>(text: &'a [u8], start: &[u8]) -> &'a [u8] {
    match text.strip_prefix(start) {
        Some(rest) => rest,
        None => panic!("{:?} does not begin with {start:?}", String::from_utf8_lossy(text)),
    }
}
