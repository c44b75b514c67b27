//! Step 6: the file's validators, and the conditions that a request sets on them
//! (RFC 9110 section 13), in the order of section 13.2.2.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{
    HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
    InvalidHeaderValue,
};
use httpdate::{HttpDate, fmt_http_date};
use sha2::{Digest, Sha256};

use super::state::{FileState, Time};
use crate::coding::Coding;

/// What identifies this version of a representation.
#[derive(Clone, Debug)]
pub(super) struct Validators {
    /// Strong, and cheap: a digest of the state, not of the bytes. Absent where
    /// the state is not settled, and so could stand for other bytes later.
    pub(super) etag: Option<HeaderValue>,
    /// Absent likewise, and for a time before 1970.
    pub(super) last_modified: Option<HeaderValue>,
    modified: Option<SystemTime>,
}

impl Validators {
    /// Each coding is a representation of its own, so it has its own tag.
    pub(super) fn of(
        state: &FileState,
        coding: Option<Coding>,
        now: SystemTime,
    ) -> Result<Self, InvalidHeaderValue> {
        let mut digest = Sha256::new();
        digest.update(state.bytes());
        digest.update(coding.map_or("", Coding::name));
        let mut tag = String::with_capacity(34);
        tag.push('"');
        for byte in digest.finalize().iter().take(16) {
            for digit in [byte >> 4, byte & 15] {
                tag.extend(char::from_digit(digit.into(), 16));
            }
        }
        tag.push('"');
        let modified = modified(state, now);
        let last_modified = modified.map(|time| HeaderValue::try_from(fmt_http_date(time)));
        Ok(Self {
            etag: Some(HeaderValue::try_from(tag)?),
            last_modified: last_modified.transpose()?,
            modified,
        })
    }

    /// Of a file that may still change without its state telling.
    pub(super) fn none() -> Self {
        Self { etag: None, last_modified: None, modified: None }
    }
}

/// When the file was last modified, in whole seconds, which is all that an HTTP date holds.
///
/// RFC 9110 section 8.8.2.1: never later than the response itself. A file that is dated in
/// the future was modified when its state last changed, at the latest, which no program can
/// set; so it has one date, which a client can send back.
fn modified(state: &FileState, now: SystemTime) -> Option<SystemTime> {
    let whole = |time: Time| {
        let seconds = u64::try_from(time.seconds).ok()?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
    };
    match whole(state.modified) {
        Some(time) if time > now => Some(whole(state.changed).map_or(now, |changed| changed.min(now))),
        time => time,
    }
}

/// What the conditions come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All hold, or there are none.
    Proceed,
    /// 304: the client has it.
    NotModified,
    /// 412: it is not what the client thinks it is.
    Failed,
}

/// RFC 9110 section 13.2.2, steps 1 to 4, for GET and HEAD.
pub(super) fn evaluate(headers: &HeaderMap, validators: &Validators) -> Verdict {
    if headers.contains_key(IF_MATCH) {
        if !any_tag(headers, &IF_MATCH, validators, Comparison::Strong) {
            return Verdict::Failed;
        }
    } else if let (Some(since), Some(modified)) = (date(headers, &IF_UNMODIFIED_SINCE), validators.modified)
        && modified > SystemTime::from(since)
    {
        return Verdict::Failed;
    }
    // `If-None-Match` decides alone where it is present.
    if headers.contains_key(IF_NONE_MATCH) {
        if any_tag(headers, &IF_NONE_MATCH, validators, Comparison::Weak) {
            return Verdict::NotModified;
        }
    } else if let (Some(since), Some(modified)) = (date(headers, &IF_MODIFIED_SINCE), validators.modified)
        && modified <= SystemTime::from(since)
    {
        return Verdict::NotModified;
    }
    Verdict::Proceed
}

/// Step 5: whether a `Range` is to be looked at. A date counts only if it is
/// the very date we send, and old enough to be strong (section 8.8.2.2).
pub(super) fn range_applies(headers: &HeaderMap, validators: &Validators, now: SystemTime) -> bool {
    let mut lines = headers.get_all(IF_RANGE).iter();
    let line = match (lines.next(), lines.next()) {
        (None, _) => return true,
        (Some(line), None) => line,
        (Some(_), Some(_)) => return false,
    };
    let value = line.as_bytes().trim_ascii();
    if value.starts_with(b"\"") || value.starts_with(b"W/") {
        // A weak tag never matches, since ours is strong.
        return validators.etag.as_ref().is_some_and(|etag| etag.as_bytes() == value);
    }
    let Some(modified) = validators.modified else { return false };
    let Some(sent) = str::from_utf8(value).ok().and_then(|value| value.parse::<HttpDate>().ok()) else {
        return false;
    };
    let age = now.duration_since(modified).unwrap_or_default();
    SystemTime::from(sent) == modified && age >= Duration::from_secs(1)
}

/// RFC 9110 sections 13.1.3 and 13.1.4: ignored unless there is exactly one valid date.
fn date(headers: &HeaderMap, name: &HeaderName) -> Option<HttpDate> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok()?.parse().ok(),
        _ => None,
    }
}

/// RFC 9110 section 8.8.3.2.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Strong,
    Weak,
}

fn any_tag(headers: &HeaderMap, name: &HeaderName, validators: &Validators, comparison: Comparison) -> bool {
    let etag = validators.etag.as_ref();
    headers.get_all(name).iter().any(|list| matches(list, etag, comparison))
}

/// Whether a list of entity tags holds ours. `*` stands for any; a malformed
/// list matches nothing from where it goes wrong.
fn matches(list: &HeaderValue, etag: Option<&HeaderValue>, comparison: Comparison) -> bool {
    let mut rest = list.as_bytes().trim_ascii();
    if rest == b"*" {
        return true;
    }
    let ours = etag.map(HeaderValue::as_bytes);
    let ours = ours.and_then(|ours| ours.strip_prefix(b"\"")?.strip_suffix(b"\""));
    loop {
        while let [b' ' | b'\t' | b',', after @ ..] = rest {
            rest = after;
        }
        let weak = rest.strip_prefix(b"W/");
        // A tag may hold commas, so it ends at its quote and nowhere else.
        let mut parts = weak.unwrap_or(rest).splitn(3, |byte| *byte == b'"');
        let (Some(b""), Some(tag), Some(after)) = (parts.next(), parts.next(), parts.next()) else {
            return false;
        };
        // RFC 9110 section 5.6.1: a comma or the end follows, else this was no tag.
        let after = after.trim_ascii_start();
        if !matches!(after, [] | [b',', ..]) {
            return false;
        }
        if ours == Some(tag) && (weak.is_none() || comparison == Comparison::Weak) {
            return true;
        }
        rest = after;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    const ETAG: &str = "\"1-2-3\"";
    const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn validators() -> Validators {
        Validators {
            etag: Some(HeaderValue::from_static(ETAG)),
            last_modified: Some(HeaderValue::from_static(MODIFIED)),
            modified: Some(MODIFIED.parse::<HttpDate>().unwrap().into()),
        }
    }

    fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    fn verdict(headers: &[(&'static str, &'static str)]) -> Verdict {
        evaluate(&map(headers), &validators())
    }

    fn not_modified(headers: &[(&'static str, &'static str)]) -> bool {
        verdict(headers) == Verdict::NotModified
    }

    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";

    #[test]
    fn if_match_compares_strongly() {
        let check = |value: &'static str, expected: Verdict| {
            assert_eq!(verdict(&[("if-match", value)]), expected, "{value}");
        };
        check("*", Verdict::Proceed);
        check("\"1-2-3\"", Verdict::Proceed);
        check("\"x\", \"1-2-3\"", Verdict::Proceed);
        check("W/\"1-2-3\"", Verdict::Failed);
        check("\"x\"", Verdict::Failed);
        check("", Verdict::Failed);
        check("1-2-3", Verdict::Failed);
    }

    #[test]
    fn if_unmodified_since() {
        let check = |value: &'static str, expected: Verdict| {
            assert_eq!(verdict(&[("if-unmodified-since", value)]), expected, "{value}");
        };
        check(MODIFIED, Verdict::Proceed);
        check(BEFORE, Verdict::Failed);
        check("yesterday", Verdict::Proceed);
    }

    #[test]
    fn if_match_outranks_if_unmodified_since() {
        let check = |if_match: &'static str, since: &'static str, expected: Verdict| {
            assert_eq!(verdict(&[("if-match", if_match), ("if-unmodified-since", since)]), expected);
        };
        check(ETAG, BEFORE, Verdict::Proceed);
        check("\"x\"", MODIFIED, Verdict::Failed);
    }

    #[test]
    fn what_fails_outranks_what_is_not_modified() {
        assert_eq!(verdict(&[("if-match", "\"x\""), ("if-none-match", ETAG)]), Verdict::Failed);
        assert_eq!(verdict(&[("if-unmodified-since", BEFORE), ("if-none-match", ETAG)]), Verdict::Failed);
        assert_eq!(verdict(&[("if-match", ETAG), ("if-none-match", ETAG)]), Verdict::NotModified);
    }

    #[test]
    fn if_range() {
        let now = SystemTime::from(MODIFIED.parse::<HttpDate>().unwrap());
        let later = now + Duration::from_secs(1);
        let check = |value: &'static str, now: SystemTime, expected: bool| {
            let headers = map(&[("if-range", value)]);
            assert_eq!(range_applies(&headers, &validators(), now), expected, "{value}");
        };
        check(ETAG, now, true);
        check("\"x\"", now, false);
        check("W/\"1-2-3\"", now, false);
        check(MODIFIED, later, true);
        check(MODIFIED, now, false);
        check(BEFORE, later, false);
        check("Sun, 06 Nov 1994 08:49:38 GMT", later, false);
        check("yesterday", later, false);
        assert!(range_applies(&HeaderMap::new(), &validators(), now));
        let twice = map(&[("if-range", ETAG), ("if-range", ETAG)]);
        assert!(!range_applies(&twice, &validators(), now));
    }

    #[test]
    fn a_file_without_a_tag_matches_any_only() {
        let check = |headers: &[(&'static str, &'static str)], expected: Verdict| {
            assert_eq!(evaluate(&map(headers), &Validators::none()), expected);
        };
        check(&[("if-none-match", ETAG)], Verdict::Proceed);
        check(&[("if-none-match", "*")], Verdict::NotModified);
        check(&[("if-match", ETAG)], Verdict::Failed);
        check(&[("if-match", "*")], Verdict::Proceed);
        check(&[("if-unmodified-since", BEFORE)], Verdict::Proceed);
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_conditions_do_not_panic(
            values in proptest::collection::vec(("[-a-zA-Z0-9 ,:*/\"]{0,40}", 0usize..5), 0..4),
        ) {
            let names = [IF_MATCH, IF_UNMODIFIED_SINCE, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_RANGE];
            let mut headers = HeaderMap::new();
            for (value, name) in values {
                headers.append(names[name].clone(), HeaderValue::from_str(&value).unwrap());
            }
            evaluate(&headers, &validators());
            range_applies(&headers, &validators(), SystemTime::UNIX_EPOCH);
        }

        #[test]
        fn our_tag_is_found_wherever_it_stands(
            before in proptest::collection::vec("(W/)?\"[-a-z0-9,]{0,8}\"", 0..4),
        ) {
            let list = [before, vec![ETAG.to_owned()]].concat().join(", ");
            let list = HeaderValue::from_str(&list).unwrap();
            let etag = HeaderValue::from_static(ETAG);
            proptest::prop_assert!(matches(&list, Some(&etag), Comparison::Strong));
            proptest::prop_assert!(matches(&list, Some(&etag), Comparison::Weak));
        }
    }

    #[test]
    fn if_none_match() {
        let check = |value: &'static str, expected: bool| {
            assert_eq!(not_modified(&[("if-none-match", value)]), expected, "{value}");
        };
        check("\"1-2-3\"", true);
        check("W/\"1-2-3\"", true);
        check("*", true);
        check(" * ", true);
        check("\"x\", \"1-2-3\"", true);
        check("\"x,y\",,\tW/\"z\" , \"1-2-3\"", true);
        check("\"1-2-4\"", false);
        check("1-2-3", false);
        check("\"1-2-3", false);
        check("w/\"1-2-3\"", false);
        check("\"a, \"1-2-3\"", false);
        check("x\"1-2-3\"", false);
        check("", false);
        check("*, \"x\"", false);
    }

    #[test]
    fn a_tag_ends_at_a_comma_or_with_the_list() {
        for list in ["\"1-2-3\" , \"x\"", "\"1-2-3\"\t", "\"1-2-3\",", "\"x\",\"1-2-3\""] {
            assert!(not_modified(&[("if-none-match", list)]), "{list}");
        }
        for list in ["\"1-2-3\"x", "\"1-2-3\" \"x\"", "\"1-2-3\"\"x\"", "\"1-2-3\";", "\"x\" \"1-2-3\""] {
            assert!(!not_modified(&[("if-none-match", list)]), "{list}");
            assert_eq!(verdict(&[("if-match", list)]), Verdict::Failed, "{list}");
        }
    }

    #[test]
    fn if_none_match_on_several_lines() {
        assert!(not_modified(&[("if-none-match", "\"x\""), ("if-none-match", "\"1-2-3\"")]));
    }

    #[test]
    fn if_modified_since() {
        let check = |value: &'static str, expected: bool| {
            assert_eq!(not_modified(&[("if-modified-since", value)]), expected, "{value}");
        };
        check(MODIFIED, true);
        check("Sun, 06 Nov 1994 08:49:38 GMT", true);
        check("Sun, 06 Nov 1994 08:49:36 GMT", false);
        check("Sunday, 06-Nov-94 08:49:37 GMT", true);
        check("Sun Nov  6 08:49:37 1994", true);
        check("yesterday", false);
        check("", false);
    }

    #[test]
    fn if_modified_since_twice_is_ignored() {
        let line = ("if-modified-since", MODIFIED);
        assert!(!not_modified(&[line, line]));
    }

    #[test]
    fn if_none_match_outranks_if_modified_since() {
        let since = ("if-modified-since", MODIFIED);
        assert!(!not_modified(&[since, ("if-none-match", "\"x\"")]));
        assert!(!not_modified(&[since, ("if-none-match", "malformed")]));
        assert!(not_modified(&[
            ("if-modified-since", "Sun, 06 Nov 1994 08:49:36 GMT"),
            ("if-none-match", ETAG),
        ]));
    }

    #[test]
    fn a_file_without_a_time_is_always_modified() {
        let mut map = HeaderMap::new();
        map.insert(IF_MODIFIED_SINCE, HeaderValue::from_static(MODIFIED));
        let validators = Validators { modified: None, ..validators() };
        assert_eq!(evaluate(&map, &validators), Verdict::Proceed);
    }
}
