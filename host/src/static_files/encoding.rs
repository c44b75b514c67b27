//! Step 5: a compressed sibling (`style.css.br` beside `style.css`) in place of
//! the file, where the client accepts its coding (RFC 9110 section 12.5.3).
//!
//! Unlike nginx's `gzip_static`, a sibling older than its original is passed
//! over: an edit is seen at once, whether or not the build ran again. The
//! original must exist; it has the name, the media type and the policy.

use http::HeaderMap;
use http::header::{ACCEPT_ENCODING, HeaderValue};

use super::stamp::Stamp;
use crate::negotiate::quality;

/// A content coding with siblings, in our order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Coding {
    /// `.br`
    Brotli,
    /// `.zst`
    Zstd,
    /// `.gz`
    Gzip,
}

impl Coding {
    /// All there are, the most compact first.
    pub const ALL: [Self; 3] = [Self::Brotli, Self::Zstd, Self::Gzip];

    /// As in `Content-Encoding`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// What a sibling's name ends with.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Zstd => ".zst",
            Self::Gzip => ".gz",
        }
    }

    pub(super) const fn value(self) -> HeaderValue {
        HeaderValue::from_static(self.name())
    }
}

/// Those of `offered` that the client likes no less than the plain file, best
/// first; equals in the order they are offered. Empty for most requests that no
/// browser sent.
pub(crate) fn accepted(headers: &HeaderMap, offered: &[Coding]) -> Vec<Coding> {
    if offered.is_empty() || !headers.contains_key(ACCEPT_ENCODING) {
        return Vec::new();
    }
    let any = quality(headers, &ACCEPT_ENCODING, "*");
    let identity = quality(headers, &ACCEPT_ENCODING, "identity");
    // Accepted unless excluded, and then sent all the same where nothing else
    // is: a file that a client cannot read is of more use to it than a 415.
    let identity = identity.or(any.filter(|any| *any == 0)).unwrap_or(1);
    let mut accepted: Vec<_> = offered
        .iter()
        .filter_map(|coding| {
            let named = quality(headers, &ACCEPT_ENCODING, coding.name());
            // RFC 9110 section 8.4.1.3: `x-gzip` is `gzip`.
            let alias = || quality(headers, &ACCEPT_ENCODING, "x-gzip").filter(|_| *coding == Coding::Gzip);
            let quality = named.or_else(alias).or(any)?;
            (quality > 0 && quality >= identity).then_some((*coding, quality))
        })
        .collect();
    accepted.sort_by_key(|(_, quality)| std::cmp::Reverse(*quality));
    accepted.into_iter().map(|(coding, _)| coding).collect()
}

/// Whether a sibling was made from the file as it is. Some compressors keep
/// only the seconds of the original's time, so those decide where it has no more.
pub(super) fn is_current(sibling: &Stamp, original: &Stamp) -> bool {
    if sibling.modified.nanos == 0 {
        return sibling.modified.seconds >= original.modified.seconds;
    }
    sibling.modified >= original.modified
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(value: &str) -> Vec<&'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_str(value).unwrap());
        accepted(&headers, &Coding::ALL).into_iter().map(Coding::name).collect()
    }

    #[test]
    fn accept_encoding() {
        let check = |value: &str, expected: &[&str]| assert_eq!(of(value), expected, "{value}");
        check("", &[]);
        check("identity", &[]);
        check("gzip", &["gzip"]);
        check("x-gzip", &["gzip"]);
        check("GZIP", &["gzip"]);
        check("gzip, deflate, br, zstd", &["br", "zstd", "gzip"]);
        check("gzip;q=1.0, br;q=0.5", &["gzip", "br"]);
        check("br;q=0.5, gzip;q=0.8, zstd;q=0.8", &["zstd", "gzip", "br"]);
        check("br;q=0, gzip", &["gzip"]);
        check("*", &["br", "zstd", "gzip"]);
        check("*;q=0", &[]);
        check("*;q=0, gzip", &["gzip"]);
        check("*, br;q=0", &["zstd", "gzip"]);
        check("identity;q=0, gzip;q=0.1", &["gzip"]);
        check("identity;q=0.5, gzip;q=0.4", &[]);
        check("identity, gzip;q=0.5", &[]);
        check("br ; q=0.5 ,\tgzip", &["gzip", "br"]);
        check("gzip;q=2", &[]);
        check("gzip;q=0.0001", &[]);
        check("gzip;q=abc, br", &["br"]);
        check("gzipped", &[]);
    }

    #[test]
    fn no_header_is_the_plain_file() {
        assert!(accepted(&HeaderMap::new(), &Coding::ALL).is_empty());
    }

    #[test]
    fn several_lines_are_one_list() {
        let mut headers = HeaderMap::new();
        headers.append(ACCEPT_ENCODING, HeaderValue::from_static("gzip;q=0.5"));
        headers.append(ACCEPT_ENCODING, HeaderValue::from_static("br"));
        assert_eq!(accepted(&headers, &Coding::ALL), [Coding::Brotli, Coding::Gzip]);
    }

    proptest! {
        #[test]
        fn what_is_excluded_is_never_chosen(rest in "[a-z*,;=. 0-9]{0,40}") {
            let chosen = of(&format!("br;q=0,{rest}"));
            prop_assert!(!chosen.contains(&"br"));
        }
    }
}
