//! Step 7: the parts of a representation that a `Range` asks for (RFC 9110
//! section 14). Pure, but for the clock that `If-Range` may need.
//!
//! A malformed header, another unit, or one that asks for more than a sane client
//! would, is ignored, which RFC 9110 section 14.2 allows for any reason. Ranges
//! that overlap, or lie closer together than a part's own head is long, become
//! one (section 15.3.7.2), so no set of ranges costs more than the whole.

use std::time::SystemTime;

use http::HeaderMap;
use http::header::RANGE;

use super::conditional::{self, Validators};
use super::request::{FileRequest, ReadMethod};

/// A header that names more ranges than this is ignored.
const MAX_SPECS: usize = 64;

/// If more parts than this are left once they are coalesced, all is sent.
const MAX_PARTS: usize = 16;

/// About what a part's own head takes in a `multipart/byteranges`.
const PART_HEAD_BYTES: u64 = 128;

/// A part: `start` to `end`, which is not part of it, and never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Part {
    pub(super) fn length(self) -> u64 {
        self.end - self.start
    }
}

/// What to send.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Selection {
    /// No `Range`, or one to ignore: 200.
    Whole,
    /// 206 with `Content-Range`.
    One(Part),
    /// 206 as `multipart/byteranges`, in the order asked for.
    Several(Vec<Part>),
    /// 416.
    Unsatisfiable,
}

/// As it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spec {
    From(u64),
    Between(u64, u64),
    Last(u64),
}

/// Selects from a representation of `length` bytes. RFC 9110, section 14.2: a Range is
/// for GET only, and only if its condition holds.
pub(super) fn select(request: &FileRequest<'_>, validators: &Validators, length: u64) -> Selection {
    if request.method == ReadMethod::Head
        || !request.headers.contains_key(RANGE)
        || !conditional::range_applies(request.headers, validators, SystemTime::now())
    {
        return Selection::Whole;
    }
    match by_headers(request.headers, length) {
        // A boundary that the content cannot hold is made from the tag.
        Selection::Several(_) if validators.etag.is_none() => Selection::Whole,
        selection => selection,
    }
}

fn by_headers(headers: &HeaderMap, length: u64) -> Selection {
    let mut lines = headers.get_all(RANGE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return Selection::Whole;
    };
    match line.to_str().ok().and_then(parse) {
        Some(specs) => satisfy(&specs, length),
        None => Selection::Whole,
    }
}

/// `None` where the grammar of section 14.1 is not kept, or the unit not bytes.
fn parse(value: &str) -> Option<Vec<Spec>> {
    let (unit, set) = value.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let mut specs = Vec::new();
    for element in set.split(',') {
        let element = element.trim_matches([' ', '\t']);
        // A list may have empty elements (section 5.6.1.2).
        if element.is_empty() {
            continue;
        }
        let (first, last) = element.split_once('-')?;
        let spec = match (first, last) {
            ("", suffix) => Spec::Last(number(suffix)?),
            (first, "") => Spec::From(number(first)?),
            (first, last) => match (number(first)?, number(last)?) {
                (first, last) if first <= last => Spec::Between(first, last),
                _ => return None,
            },
        };
        if specs.len() == MAX_SPECS {
            return None;
        }
        specs.push(spec);
    }
    (!specs.is_empty()).then_some(specs)
}

/// Digits only; a number too large for any file is as good as the largest.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

fn satisfy(specs: &[Spec], length: u64) -> Selection {
    let mut parts: Vec<Part> = Vec::new();
    for part in specs.iter().filter_map(|spec| spec.within(length)) {
        add(&mut parts, part);
    }
    let sent = parts.iter().map(|part| part.length() + PART_HEAD_BYTES).fold(0, u64::saturating_add);
    match *parts.as_slice() {
        // RFC 9110, section 14.1.2: the last bytes of what is shorter are all of it, so they can
        // be had of what is empty; no `Content-Range` could say so.
        [] if specs.iter().any(|spec| matches!(spec, Spec::Last(1..))) => Selection::Whole,
        [] => Selection::Unsatisfiable,
        [part] => Selection::One(part),
        _ if parts.len() > MAX_PARTS || sent >= length => Selection::Whole,
        _ => Selection::Several(parts),
    }
}

/// Adds a part in its place, taking in those that it touches.
fn add(parts: &mut Vec<Part>, mut part: Part) {
    let mut place = parts.len();
    // A part that has grown may touch one that it did not before.
    while let Some(at) = parts.iter().position(|other| close(*other, part)) {
        let other = parts.remove(at);
        part = Part { start: part.start.min(other.start), end: part.end.max(other.end) };
        place = place.min(at);
    }
    parts.insert(place.min(parts.len()), part);
}

fn close(a: Part, b: Part) -> bool {
    a.start <= b.end.saturating_add(PART_HEAD_BYTES) && b.start <= a.end.saturating_add(PART_HEAD_BYTES)
}

impl Spec {
    fn within(self, length: u64) -> Option<Part> {
        let (start, end) = match self {
            Self::From(first) => (first, length),
            Self::Between(first, last) => (first, last.saturating_add(1).min(length)),
            Self::Last(count) => (length.saturating_sub(count), length),
        };
        (start < end).then_some(Part { start, end })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn of(value: &str, length: u64) -> Selection {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_str(value).unwrap());
        by_headers(&headers, length)
    }

    fn one(start: u64, end: u64) -> Selection {
        Selection::One(Part { start, end })
    }

    #[test]
    fn one_range() {
        let check = |value: &str, expected: Selection| assert_eq!(of(value, 1000), expected, "{value}");
        check("bytes=0-0", one(0, 1));
        check("bytes=0-499", one(0, 500));
        check("BYTES=500-", one(500, 1000));
        check("bytes=-1", one(999, 1000));
        check("bytes=-5000", one(0, 1000));
        check("bytes=999-5000", one(999, 1000));
        check("bytes=0-99999999999999999999999", one(0, 1000));
        check("bytes= 1-2 ,", one(1, 3));
        check("bytes=5-6,2000-", one(5, 7));
    }

    #[test]
    fn what_cannot_be_satisfied() {
        for value in ["bytes=1000-", "bytes=1000-2000", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(of(value, 1000), Selection::Unsatisfiable, "{value}");
        }
    }

    #[test]
    fn the_last_bytes_of_nothing_are_all_of_it() {
        for value in ["bytes=-1", "bytes=-500", "bytes=0-,-5", "bytes=-0,-1"] {
            assert_eq!(of(value, 0), Selection::Whole, "{value}");
        }
        for value in ["bytes=0-", "bytes=0-0", "bytes=-0", "bytes=0-,5-9", "bytes=-0,0-"] {
            assert_eq!(of(value, 0), Selection::Unsatisfiable, "{value}");
        }
    }

    #[test]
    fn what_is_malformed_is_ignored() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=a-b",
            "bytes=2-1",
            "bytes=1",
            "bytes=1-2-3",
            "bytes=+1-2",
            "bytes=0x1-2",
            "bytes =1-2",
            "lines=1-2",
            "bytes=1 -2",
            "bytes=1-2;3-4",
            "bytes=--1",
        ] {
            assert_eq!(of(value, 1000), Selection::Whole, "{value}");
        }
    }

    #[test]
    fn a_second_line_is_ignored_with_the_first() {
        let mut headers = HeaderMap::new();
        headers.append(RANGE, HeaderValue::from_static("bytes=0-1"));
        headers.append(RANGE, HeaderValue::from_static("bytes=2-3"));
        assert_eq!(by_headers(&headers, 1000), Selection::Whole);
    }

    #[test]
    fn several_ranges_keep_their_order() {
        let parts = vec![Part { start: 9000, end: 9010 }, Part { start: 0, end: 10 }];
        assert_eq!(of("bytes=9000-9009,0-9", 10_000), Selection::Several(parts));
    }

    #[test]
    fn ranges_that_touch_become_one() {
        let check = |value: &str, expected: Selection| assert_eq!(of(value, 10_000), expected, "{value}");
        check("bytes=0-99,100-199", one(0, 200));
        check("bytes=0-99,50-60", one(0, 100));
        check("bytes=300-399,0-99,100-299", one(0, 400));
        check("bytes=0-0,100-100", one(0, 101));
    }

    #[test]
    fn more_than_is_sane_is_ignored() {
        let many = |count: u64| {
            let specs: Vec<_> = (0..count).map(|n| format!("{}-{}", n * 1000, n * 1000)).collect();
            of(&format!("bytes={}", specs.join(",")), 1_000_000)
        };
        assert!(matches!(many(16), Selection::Several(parts) if parts.len() == 16));
        assert_eq!(many(17), Selection::Whole);
        assert_eq!(many(1000), Selection::Whole);
        let overlapping = vec!["0-"; 64].join(",");
        assert_eq!(of(&format!("bytes={overlapping}"), 1000), one(0, 1000));
    }

    proptest! {
        #[test]
        fn whatever_is_selected_lies_within(value in "(bytes=)?[-0-9, ]{0,60}", length in 0u64..5000) {
            let parts = match of(&value, length) {
                Selection::One(part) => vec![part],
                Selection::Several(parts) => parts,
                _ => vec![],
            };
            prop_assert!(parts.len() <= MAX_PARTS);
            prop_assert!(parts.iter().all(|part| part.start < part.end && part.end <= length));
            prop_assert!(parts.iter().map(|part| part.length()).sum::<u64>() <= length);
            for (n, a) in parts.iter().enumerate() {
                prop_assert!(parts.iter().skip(n + 1).all(|b| !close(*a, *b)));
            }
        }

        #[test]
        fn every_byte_that_was_asked_for_is_selected(
            ranges in prop::collection::vec((0u64..3000, 0u64..300), 1..20),
        ) {
            let specs: Vec<_> = ranges.iter().map(|(at, more)| format!("{at}-{}", at + more)).collect();
            let selected = of(&format!("bytes={}", specs.join(",")), 2000);
            let holds = |byte: u64| match &selected {
                Selection::Whole => true,
                Selection::One(part) => (part.start..part.end).contains(&byte),
                Selection::Several(parts) => parts.iter().any(|part| (part.start..part.end).contains(&byte)),
                Selection::Unsatisfiable => false,
            };
            for (at, more) in ranges {
                prop_assert!((at..=at + more).filter(|byte| *byte < 2000).all(holds));
            }
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), length: u64) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let mut headers = HeaderMap::new();
                headers.insert(RANGE, value);
                by_headers(&headers, length);
            }
        }
    }
}
