//! The path of a request, checked, split and decoded once.
//!
//! The one rule for handlers and mounts alike:
//!
//! 1. The path is split on `/` as it was sent; each segment is percent-decoded
//!    after, so `%2F` never splits (RFC 3986, section 2.2).
//! 2. A `%` without two hexadecimal digits, and NUL (also `%00`), are refused: 400.
//! 3. A segment that is `.` or `..` after decoding (`%2e` is the same character,
//!    RFC 3986, section 6.2.2.2) is refused: 400. Clients remove them before they
//!    send (RFC 3986, section 5.2.4); resolving them *behind* a proxy that has
//!    checked the path is how checks are got around.
//! 4. An empty segment is a segment: `/a//b` has three. No parameter takes it, only
//!    a tail does (`/proxy/http://host/`). Nothing is merged in silence; under
//!    [`super::Slashes::Redirect`] what would be not found is redirected instead.
//! 5. An empty last segment is the trailing slash. `/` is one empty segment.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::tree::Places;

/// A request path as segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPath<'a> {
    raw: &'a str,
    /// Decoded, with the slashes between segments.
    text: Cow<'a, [u8]>,
    /// Where each segment ends in `text`; the next begins one byte later.
    ends: SmallVec<[usize; 16]>,
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
    /// A `.` or `..` segment, encoded or not.
    #[error("the path has a `.` or `..` segment; send it resolved")]
    DotSegment,
    /// A NUL, which no file name can hold and C strings end at.
    #[error("the path holds a NUL character")]
    Nul,
}

impl<'a> RequestPath<'a> {
    /// Splits and decodes `path` (without the query).
    ///
    /// # Errors
    ///
    /// If the path breaks the rule above.
    pub fn parse(path: &'a str) -> Result<Self, PathError> {
        let bytes = path.as_bytes();
        if bytes.first() != Some(&b'/') {
            return Err(PathError::NotAbsolute);
        }
        let mut ends = SmallVec::new();
        let mut start = 1;
        for at in memchr::memchr3_iter(b'/', b'%', 0, bytes).skip(1) {
            match bytes.get(at) {
                Some(b'/') => {
                    check_segment(bytes, start, at)?;
                    ends.push(at);
                    start = at + 1;
                }
                Some(b'%') => return Self::decode(path),
                _ => return Err(PathError::Nul),
            }
        }
        check_segment(bytes, start, bytes.len())?;
        ends.push(bytes.len());
        Ok(Self { raw: path, text: Cow::Borrowed(bytes), ends })
    }

    fn decode(path: &'a str) -> Result<Self, PathError> {
        let mut text = Vec::with_capacity(path.len());
        let mut ends = SmallVec::new();
        let mut start = 1;
        let mut bytes = path.bytes();
        text.extend(bytes.next());
        while let Some(byte) = bytes.next() {
            match byte {
                b'/' => {
                    check_segment(&text, start, text.len())?;
                    ends.push(text.len());
                    start = text.len() + 1;
                    text.push(b'/');
                }
                b'%' => {
                    let digit = |byte: Option<u8>| byte.and_then(|b| char::from(b).to_digit(16));
                    let pair = digit(bytes.next()).zip(digit(bytes.next()));
                    let (high, low) = pair.ok_or(PathError::BadEncoding)?;
                    match (high << 4 | low) as u8 {
                        0 => return Err(PathError::Nul),
                        byte => text.push(byte),
                    }
                }
                0 => return Err(PathError::Nul),
                byte => text.push(byte),
            }
        }
        check_segment(&text, start, text.len())?;
        ends.push(text.len());
        Ok(Self { raw: path, text: Cow::Owned(text), ends })
    }

    /// The path as it was sent.
    pub fn as_sent(&self) -> &'a str {
        self.raw
    }

    /// The decoded segments, in order.
    pub fn segments(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map_while(|at| self.segment(at))
    }

    /// The decoded segments from the one at `at`.
    pub(super) fn segments_from(&self, at: usize) -> impl Iterator<Item = &[u8]> {
        (at..self.ends.len()).map_while(|at| self.segment(at))
    }

    fn start(&self, at: usize) -> Option<usize> {
        match at.checked_sub(1) {
            None => Some(1),
            Some(before) => self.ends.get(before).map(|end| end + 1),
        }
    }

    fn segment(&self, at: usize) -> Option<&[u8]> {
        self.text.get(self.start(at)?..*self.ends.get(at)?)
    }
}

impl<'p> Places<'p> for &'p RequestPath<'_> {
    fn count(&self) -> usize {
        self.ends.len()
    }

    fn place(&self, at: usize) -> Option<&'p [u8]> {
        self.segment(at)
    }

    fn rest(&self, at: usize) -> &'p [u8] {
        self.start(at).and_then(|start| self.text.get(start..)).unwrap_or_default()
    }
}

fn check_segment(text: &[u8], start: usize, end: usize) -> Result<(), PathError> {
    match text.get(start..end) {
        Some(b"." | b"..") => Err(PathError::DotSegment),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Result<&[&str], PathError>) {
        let found = RequestPath::parse(path)
            .map(|path| path.segments().map(|s| String::from_utf8_lossy(s).into_owned()).collect::<Vec<_>>());
        let expected = expected.map(|segments| segments.iter().map(ToString::to_string).collect());
        assert_eq!(found, expected, "{path}");
    }

    #[test]
    fn splits_then_decodes() {
        check("/", Ok(&[""]));
        check("/a", Ok(&["a"]));
        check("/a/", Ok(&["a", ""]));
        check("//a", Ok(&["", "a"]));
        check("/a//b", Ok(&["a", "", "b"]));
        check("/a%2Fb/c", Ok(&["a/b", "c"]));
        check("/x/a%2fb/", Ok(&["x", "a/b", ""]));
        check("/%C3%A9", Ok(&["é"]));
        check("/é", Ok(&["é"]));
        check("/a+b;c=d", Ok(&["a+b;c=d"]));
        check("/%2541", Ok(&["%41"]));
        check("/a\\b", Ok(&["a\\b"]));
    }

    #[test]
    fn refuses_bad_encodings() {
        for path in ["/%", "/%4", "/%zz", "/%41%", "/%+1", "/a/%4/b", "/%%41"] {
            check(path, Err(PathError::BadEncoding));
        }
        check("", Err(PathError::NotAbsolute));
        check("a", Err(PathError::NotAbsolute));
        check("%2Fa", Err(PathError::NotAbsolute));
    }

    #[test]
    fn refuses_dot_segments_encoded_or_not() {
        for path in [
            "/.",
            "/..",
            "/a/..",
            "/a/../b",
            "/./",
            "/%2e",
            "/%2E%2e/x",
            "/.%2e",
            "/a/%2E/",
            "/%41/..",
            "/x/../%41",
        ] {
            check(path, Err(PathError::DotSegment));
        }
        check("/...", Ok(&["..."]));
        check("/.a/b./..c", Ok(&[".a", "b.", "..c"]));
        check("/..%2f..", Ok(&["../.."]));
    }

    #[test]
    fn refuses_nul() {
        check("/a%00b", Err(PathError::Nul));
        check("/a\0", Err(PathError::Nul));
        check("/%41\0", Err(PathError::Nul));
    }
}
