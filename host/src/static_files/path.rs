//! Step 1: from decoded URL segments to a relative path that may be looked up.
//! Pure. A [`FilePath`] has no empty or hidden component, no `.` or `..`, no `/`
//! but between components, and no NUL.

use std::ffi::{CStr, CString};
use std::fmt;
use std::str::FromStr;

use globset::{Candidate, GlobSet};

use super::error::ServeError;

/// A checked path relative to the mount's root, in the form system calls take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FilePath(CString);

/// The path of a file below the mount, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelativePath(FilePath);

/// A configured path that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the path of a file below the folder, such as \"index.html\", without `.` or `..`")]
pub struct RelativePathError;

impl FromStr for RelativePath {
    type Err = RelativePathError;

    fn from_str(text: &str) -> Result<Self, RelativePathError> {
        let is_name = |segment: &str| !matches!(segment, "" | "." | "..");
        if !text.split('/').all(is_name) {
            return Err(RelativePathError);
        }
        CString::new(text).map(|path| Self(FilePath(path))).map_err(|_| RelativePathError)
    }
}

impl fmt::Display for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.0.to_string_lossy())
    }
}

impl RelativePath {
    pub(super) fn file_path(&self) -> &FilePath {
        &self.0
    }
}

/// Which names are not served, nor listed, wherever they stand in a path.
#[derive(Clone, Debug)]
pub(super) struct Hidden {
    pub(super) hidden: GlobSet,
    pub(super) visible: GlobSet,
    /// Whether `hidden` is just `.*`, as it mostly is: then one byte tells, and
    /// no glob is run for an ordinary name.
    pub(super) dots_only: bool,
}

impl Hidden {
    pub(super) fn hides(&self, name: &[u8]) -> bool {
        if self.dots_only && !name.starts_with(b".") {
            return false;
        }
        let name = Candidate::from_bytes(name);
        self.hidden.is_match_candidate(&name) && !self.visible.is_match_candidate(&name)
    }
}

impl FilePath {
    /// Refuses what cannot be, or must not be asked for as, a file name.
    pub(super) fn parse<S: AsRef<[u8]>>(segments: &[S], hidden: &Hidden) -> Result<Self, ServeError> {
        // With a slash or the final NUL after each, exactly: a C string has no room to
        // spare, and would be moved.
        let length: usize = segments.iter().map(|segment| segment.as_ref().len() + 1).sum();
        let mut joined = Vec::with_capacity(length.max(2));
        for segment in segments.iter().map(AsRef::as_ref) {
            if matches!(segment, b"" | b"." | b"..") || segment.contains(&b'/') || hidden.hides(segment) {
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

    /// A file of this name in the folder that this path names.
    pub(super) fn below(&self, name: &[u8]) -> Self {
        let mut joined = Vec::with_capacity(self.0.to_bytes().len() + name.len() + 2);
        if !self.is_root() {
            joined.extend_from_slice(self.0.to_bytes());
            joined.push(b'/');
        }
        joined.extend_from_slice(name);
        Self::assume(joined)
    }

    /// The file beside this one whose name goes on with `suffix`.
    pub(super) fn sibling(&self, suffix: &str) -> Self {
        let mut joined = Vec::with_capacity(self.0.to_bytes().len() + suffix.len() + 1);
        joined.extend_from_slice(self.0.to_bytes());
        joined.extend_from_slice(suffix.as_bytes());
        Self::assume(joined)
    }

    /// Neither a checked path nor a configured name holds a NUL; the default is
    /// the empty path, which the kernel answers with ENOENT.
    fn assume(joined: Vec<u8>) -> Self {
        Self(CString::new(joined).unwrap_or_default())
    }

    /// How many folders it lies below the root, itself included.
    pub(super) fn depth(&self) -> usize {
        if self.is_root() { 0 } else { self.split().0.count() + 1 }
    }

    /// Whether this is the mount's root itself.
    pub(super) fn is_root(&self) -> bool {
        self.0.to_bytes() == b"."
    }

    /// Whether this is one name in the root.
    pub(super) fn is_name(&self) -> bool {
        !self.is_root() && !self.0.to_bytes().contains(&b'/')
    }

    /// The whole path, `.` for the root.
    pub(super) fn as_c_str(&self) -> &CStr {
        &self.0
    }

    /// The whole path, `.` for the root.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.to_bytes()
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

    fn set(globs: &[&str]) -> GlobSet {
        let mut set = globset::GlobSetBuilder::new();
        for glob in globs {
            set.add(globset::Glob::new(glob).unwrap());
        }
        set.build().unwrap()
    }

    fn dots() -> Hidden {
        Hidden { hidden: set(&[".*"]), visible: set(&[".well-known"]), dots_only: true }
    }

    fn parse(segments: &[&[u8]]) -> Option<String> {
        let path = FilePath::parse(segments, &dots()).ok()?;
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
        check(&[b".well-known", b"acme"], ".well-known/acme");
    }

    #[test]
    fn what_is_no_file_name_is_refused() {
        let cases: [&[&[u8]]; 15] = [
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
            &[b".well-known", b".hidden"],
        ];
        for segments in cases {
            assert_eq!(parse(segments), None, "{segments:?}");
        }
    }

    #[test]
    fn the_index_is_below_the_folder() {
        let index = |segments: &[&[u8]]| FilePath::parse(segments, &dots()).unwrap().below(b"index.html");
        assert_eq!(index(&[]).as_c_str(), c"index.html");
        assert_eq!(index(&[b"a", b"b"]).as_c_str(), c"a/b/index.html");
        assert_eq!(index(&[]).extension(), Some(&b"html"[..]));
    }

    #[test]
    fn extensions() {
        let check = |name: &str, expected: Option<&[u8]>| {
            let path = FilePath::parse(&["d.dir", name], &dots()).unwrap();
            assert_eq!(path.extension(), expected, "{name}");
        };
        check("a.txt", Some(b"txt"));
        check("a.tar.gz", Some(b"gz"));
        check("a.", Some(b""));
        check("README", None);
    }
}
