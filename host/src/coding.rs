//! Content codings, and which of them a client accepts (RFC 9110 section 12.5.3).
//! Pure. Siblings of static files and compression on the fly go by the same.

use http::HeaderMap;
use http::header::{ACCEPT_ENCODING, HeaderValue};
use smallvec::SmallVec;

use crate::negotiate::quality;

/// A content coding, in our order of preference.
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

    /// The value of `Content-Encoding`.
    pub const fn value(self) -> HeaderValue {
        HeaderValue::from_static(self.name())
    }
}

/// Those of `offered` that the client likes no less than the plain file, best
/// first; equals in the order they are offered. Empty for most requests that no
/// browser sent.
pub fn accepted(headers: &HeaderMap, offered: &[Coding]) -> SmallVec<[Coding; 3]> {
    if offered.is_empty() || !headers.contains_key(ACCEPT_ENCODING) {
        return SmallVec::new();
    }
    let any = quality(headers, &ACCEPT_ENCODING, "*");
    let identity = quality(headers, &ACCEPT_ENCODING, "identity");
    // Accepted unless excluded, and then sent all the same where nothing else
    // is: a file that a client cannot read is of more use to it than a 415.
    let identity = identity.or(any.filter(|any| *any == 0)).unwrap_or(1);
    let mut accepted: SmallVec<[_; 3]> = offered
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
        assert_eq!(accepted(&headers, &Coding::ALL)[..], [Coding::Brotli, Coding::Gzip]);
    }

    proptest! {
        #[test]
        fn what_is_excluded_is_never_chosen(rest in "[a-z*,;=. 0-9]{0,40}") {
            let chosen = of(&format!("br;q=0,{rest}"));
            prop_assert!(!chosen.contains(&"br"));
        }
    }
}
