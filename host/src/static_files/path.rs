//! Step 2: from decoded URL segments to a relative path that may be looked up.
//! Pure. A [`FilePath`] has no empty or hidden component, hence no `.` or `..`,
//! no `/` but between components, and no NUL.

use std::ffi::{CStr, CString};

use super::error::ServeError;

const INDEX: &[u8] = b"index.html";

/// A checked path relative to the mount's root, in the form system calls take.
#[derive(Debug, PartialEq)]
pub(super) struct FilePath(CString);

impl FilePath {
    /// Refuses what cannot be, or must not be asked for as, a file name.
    pub(super) fn parse<S: AsRef<[u8]>>(segments: &[S]) -> Result<Self, ServeError> {
        let mut joined = Vec::new();
        for segment in segments.iter().map(AsRef::as_ref) {
            // A leading dot also covers `.` and `..`.
            if segment.is_empty() || segment.starts_with(b".") || segment.contains(&b'/') {
                return Err(ServeError::NotFound);
            }
            if !joined.is_empty() {
                joined.push(b'/');
            }
            joined.extend_from_slice(segment);
        }
        if joined.is_empty() {
            joined.push(b'.');
        }
        // Fails on a NUL, where the kernel would see the end of the name.
        CString::new(joined).map(Self).map_err(|_| ServeError::NotFound)
    }

    /// The index file of the folder that this path names.
    pub(super) fn index(&self) -> Self {
        let mut joined = Vec::new();
        if !self.is_root() {
            joined.extend_from_slice(self.0.to_bytes());
            joined.push(b'/');
        }
        joined.extend_from_slice(INDEX);
        // Cannot hold a NUL, since `self` does not; the default is the empty
        // path, which the kernel answers with ENOENT.
        Self(CString::new(joined).unwrap_or_default())
    }

    /// Whether this is the mount's root itself.
    pub(super) fn is_root(&self) -> bool {
        self.0.to_bytes() == b"."
    }

    /// The whole path, `.` for the root.
    pub(super) fn as_c_str(&self) -> &CStr {
        &self.0
    }

    /// The folders on the way, and the last component.
    pub(super) fn split(&self) -> (impl Iterator<Item = &[u8]>, &[u8]) {
        let mut parts = self.0.to_bytes().split(|byte| *byte == b'/');
        let last = parts.next_back().unwrap_or_default();
        (parts, last)
    }

    /// What follows the last dot of the last component.
    pub(super) fn extension(&self) -> Option<&[u8]> {
        let (_, name) = self.split();
        let mut parts = name.rsplitn(2, |byte| *byte == b'.');
        let extension = parts.next()?;
        parts.next().map(|_stem| extension)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn parse(segments: &[&[u8]]) -> Option<String> {
        let path = FilePath::parse(segments).ok()?;
        Some(String::from_utf8_lossy(path.as_c_str().to_bytes()).into_owned())
    }

    #[test]
    fn segments_become_a_relative_path() {
        let check = |segments: &[&[u8]], expected: &str| {
            assert_eq!(parse(segments).as_deref(), Some(expected));
        };
        check(&[], ".");
        check(&[b"a"], "a");
        check(&[b"a", b"b.txt"], "a/b.txt");
        check(&[b"a b", b"c:d"], "a b/c:d");
        check(&[b"a..b"], "a..b");
        check(&[b"a\\b"], "a\\b");
        check(&[b"\xff"], "\u{fffd}");
    }

    #[test]
    fn what_is_no_file_name_is_refused() {
        let cases: [&[&[u8]]; 14] = [
            &[b".."],
            &[b"..", b"x"],
            &[b"a", b"..", b"x"],
            &[b"a", b".."],
            &[b"."],
            &[b"a", b".", b"b"],
            &[b""],
            &[b"a", b"", b"b"],
            &[b"a/b"],
            &[b"/"],
            &[b"../x"],
            &[b"a\0b"],
            &[b".hidden"],
            &[b".git", b"config"],
        ];
        for segments in cases {
            assert_eq!(parse(segments), None, "{segments:?}");
        }
    }

    #[test]
    fn the_index_is_below_the_folder() {
        let index = |segments: &[&[u8]]| FilePath::parse(segments).unwrap().index();
        assert_eq!(index(&[]).as_c_str(), c"index.html");
        assert_eq!(index(&[b"a", b"b"]).as_c_str(), c"a/b/index.html");
        assert_eq!(index(&[]).extension(), Some(&b"html"[..]));
    }

    #[test]
    fn extensions() {
        let check = |name: &str, expected: Option<&[u8]>| {
            let path = FilePath::parse(&["d.dir", name]).unwrap();
            assert_eq!(path.extension(), expected, "{name}");
        };
        check("a.txt", Some(b"txt"));
        check("a.tar.gz", Some(b"gz"));
        check("a.", Some(b""));
        check("README", None);
    }
}
