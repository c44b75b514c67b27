//! The path of a request, split and decoded once.
//!
//! The path is split on `/` first and each segment is percent-decoded after, so
//! `%2F` never splits. An empty last segment stands for a trailing slash.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// A request path as segments; `/` is one empty segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPath<'a> {
    segments: Vec<Cow<'a, [u8]>>,
}

/// Why a request path cannot be routed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It does not start with a slash.
    #[error("the path does not start with `/`")]
    NotAbsolute,
    /// A `%` is not followed by two hexadecimal digits (RFC 3986, section 2.1).
    #[error("a percent sign is not followed by two hexadecimal digits")]
    BadEncoding,
}

impl<'a> RequestPath<'a> {
    /// Splits and decodes `path` (without the query).
    ///
    /// # Errors
    ///
    /// If the path is not absolute or a percent-encoding is malformed.
    pub fn parse(path: &'a str) -> Result<Self, PathError> {
        let rest = path.strip_prefix('/').ok_or(PathError::NotAbsolute)?;
        let segments = rest.split('/').map(decode).collect::<Result<_, _>>()?;
        Ok(Self { segments })
    }

    /// The decoded segments, in order.
    pub fn segments(&self) -> &[Cow<'a, [u8]>] {
        &self.segments
    }
}

fn decode(segment: &str) -> Result<Cow<'_, [u8]>, PathError> {
    let bytes = segment.as_bytes();
    let mut at = 0;
    while let Some(offset) = bytes.get(at..).and_then(|rest| rest.iter().position(|&b| b == b'%')) {
        let digits = bytes.get(at + offset + 1..at + offset + 3);
        if !digits.is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit)) {
            return Err(PathError::BadEncoding);
        }
        at += offset + 3;
    }
    Ok(percent_decode_str(segment).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Result<&[&str], PathError>) {
        let found = RequestPath::parse(path);
        let found = found.as_ref().map(|path| {
            path.segments().iter().map(|s| String::from_utf8_lossy(s).into_owned()).collect::<Vec<_>>()
        });
        let expected = expected.map(|segments| segments.iter().map(ToString::to_string).collect());
        assert_eq!(found.map_err(|e| *e), expected, "{path}");
    }

    #[test]
    fn splits_then_decodes() {
        check("/", Ok(&[""]));
        check("/a", Ok(&["a"]));
        check("/a/", Ok(&["a", ""]));
        check("//a", Ok(&["", "a"]));
        check("/a%2Fb/c", Ok(&["a/b", "c"]));
        check("/%C3%A9", Ok(&["é"]));
        check("/a+b", Ok(&["a+b"]));
        check("/%2e%2e/x", Ok(&["..", "x"]));
    }

    #[test]
    fn refuses_bad_encodings() {
        check("", Err(PathError::NotAbsolute));
        check("a", Err(PathError::NotAbsolute));
        check("/%", Err(PathError::BadEncoding));
        check("/%4", Err(PathError::BadEncoding));
        check("/%zz", Err(PathError::BadEncoding));
        check("/%41%", Err(PathError::BadEncoding));
        check("/%+1", Err(PathError::BadEncoding));
    }
}
