//! Step 5: the file's validators, and whether the client's copy is still good
//! (RFC 9110 section 13).

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use http::header::{HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, InvalidHeaderValue};
use httpdate::{HttpDate, fmt_http_date};

/// What identifies this version of a file.
#[derive(Debug)]
pub(super) struct Validators {
    /// Strong, and free: made of inode, time and size, not of the bytes.
    pub(super) etag: HeaderValue,
    /// Absent for a time before 1970, which HTTP dates are not expected to hold.
    pub(super) last_modified: Option<HeaderValue>,
    modified: Option<SystemTime>,
}

impl Validators {
    pub(super) fn of(metadata: &Metadata, now: SystemTime) -> Result<Self, InvalidHeaderValue> {
        let nanos = metadata.mtime().wrapping_mul(1_000_000_000).wrapping_add(metadata.mtime_nsec());
        let (inode, size) = (metadata.ino(), metadata.size());
        // Whole seconds, which is all that an HTTP date holds.
        let modified = u64::try_from(metadata.mtime())
            .ok()
            .and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
        Ok(Self {
            etag: HeaderValue::try_from(format!("\"{inode:x}-{nanos:x}-{size:x}\""))?,
            // RFC 9110 section 8.8.2.1: never later than the response itself.
            last_modified: modified
                .map(|time| HeaderValue::try_from(fmt_http_date(time.min(now))))
                .transpose()?,
            modified,
        })
    }
}

/// The conditions of a request, kept as sent until there is a file to hold
/// against them.
#[derive(Debug)]
pub(super) struct Preconditions {
    if_none_match: Vec<HeaderValue>,
    if_modified_since: Option<HttpDate>,
}

impl Preconditions {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self {
            if_none_match: headers.get_all(IF_NONE_MATCH).iter().cloned().collect(),
            if_modified_since: single_date(headers),
        }
    }

    /// RFC 9110 section 13.2.2, steps 3 and 4: `If-None-Match` decides alone
    /// where it is present, whatever `If-Modified-Since` says.
    pub(super) fn not_modified(&self, validators: &Validators) -> bool {
        if !self.if_none_match.is_empty() {
            return self.if_none_match.iter().any(|list| matches(list, &validators.etag));
        }
        match (self.if_modified_since, validators.modified) {
            (Some(since), Some(modified)) => modified <= SystemTime::from(since),
            _ => false,
        }
    }
}

/// RFC 9110 section 13.1.3: ignored unless there is exactly one valid date.
fn single_date(headers: &HeaderMap) -> Option<HttpDate> {
    let mut values = headers.get_all(IF_MODIFIED_SINCE).iter();
    let value = values.next()?;
    match values.next() {
        None => value.to_str().ok()?.parse().ok(),
        Some(_) => None,
    }
}

/// Whether a list of entity tags holds ours, by the weak comparison that
/// `If-None-Match` asks for (section 13.1.2). A malformed list matches nothing
/// from where it goes wrong.
fn matches(list: &HeaderValue, etag: &HeaderValue) -> bool {
    let ours = etag.as_bytes();
    let mut rest = list.as_bytes().trim_ascii();
    if rest == b"*" {
        return true;
    }
    loop {
        while let [b' ' | b'\t' | b',', after @ ..] = rest {
            rest = after;
        }
        // A tag may hold commas, so it ends at its quote and nowhere else.
        let opaque = rest.strip_prefix(b"W/").unwrap_or(rest);
        let mut parts = opaque.splitn(3, |byte| *byte == b'"');
        let (Some(b""), Some(tag), Some(after)) = (parts.next(), parts.next(), parts.next()) else {
            return false;
        };
        if ours.strip_prefix(b"\"").and_then(|ours| ours.strip_suffix(b"\"")) == Some(tag) {
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
            etag: HeaderValue::from_static(ETAG),
            last_modified: Some(HeaderValue::from_static(MODIFIED)),
            modified: Some(MODIFIED.parse::<HttpDate>().unwrap().into()),
        }
    }

    fn not_modified(headers: &[(&'static str, &'static str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        Preconditions::of(&map).not_modified(&validators())
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
        assert!(!Preconditions::of(&map).not_modified(&validators));
    }
}
