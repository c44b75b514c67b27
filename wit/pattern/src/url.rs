//! What a URL may hold as it is, and what it cannot hold at all (RFC 3986).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but the characters that mean nothing anywhere (section 2.3).
pub const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a segment cannot hold as it is (all but `pchar`, section 3.3).
pub const SEGMENT: &AsciiSet = &RESERVED
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// What names and values of a query cannot, where `&`, `=` and `+` have a meaning.
pub const QUERY: &AsciiSet = &SEGMENT.remove(b'/').remove(b'?').add(b'&').add(b'=').add(b'+').add(b';');

/// `text` as one segment of a path.
pub fn segment(text: &str) -> impl Iterator<Item = &str> {
    utf8_percent_encode(text, SEGMENT)
}

/// `pairs` as a query, with its question mark; nothing without any.
pub fn query<N: AsRef<str>, V: AsRef<str>>(pairs: &[(N, V)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        text.push(if text.is_empty() { '?' } else { '&' });
        text.extend(utf8_percent_encode(name.as_ref(), QUERY));
        text.push('=');
        text.extend(utf8_percent_encode(value.as_ref(), QUERY));
    }
    text
}

/// Why no URL has the segment `text`, which is decoded; none if one can.
pub fn refusal(text: &str) -> Option<&'static str> {
    match text {
        "" => Some("it is empty"),
        "." | ".." => Some("clients resolve such a segment, whatever its encoding"),
        _ if text.contains('\0') => Some("it holds a NUL"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_is_encoded() {
        for (text, expected) in [
            ("a b/c?d#e%f", "a%20b%2Fc%3Fd%23e%25f"),
            ("\u{e9}\\{x}", "%C3%A9%5C%7Bx%7D"),
            ("a:b@c!$&'()*+,;=~._-", "a:b@c!$&'()*+,;=~._-"),
        ] {
            assert_eq!(segment(text).collect::<String>(), expected);
        }
        let none: [(&str, &str); 0] = [];
        assert_eq!(query(&none), "");
        assert_eq!(query(&[("a", "x&y = +;"), ("b/?", "")]), "?a=x%26y%20%3D%20%2B%3B&b/?=");
    }
}
