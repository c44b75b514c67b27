//! Names of objects, and that each can be only a file beneath its folder.
//!
//! A name is segments between slashes, each the plain name of a file or a folder. So
//! there is nothing in a name that leads upwards, to the root, or nowhere; what links
//! would do is for whoever opens the file.

use crate::Error;

/// A name, in bytes.
const NAME_BYTES: usize = 1024;
/// A segment, in bytes: what file systems have.
const SEGMENT_BYTES: usize = 255;
/// Segments of a name.
pub(crate) const DEPTH: usize = 16;
/// How the names of the host's own files begin: those that are being written.
pub(crate) const RESERVED: &str = ".patchboard-";

/// The name of an object, checked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectName(String);

impl ObjectName {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: impl Into<String>) -> Result<Self, Error> {
        let text = text.into();
        match problem(&text) {
            Some(problem) => Err(Error::Invalid(format!("the name of an object {problem}"))),
            None => Ok(Self(text)),
        }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folders on the way, and the name in the last of them.
    pub(crate) fn split(&self) -> (impl DoubleEndedIterator<Item = &str>, &str) {
        let (folders, last) = match self.0.rsplit_once('/') {
            Some((folders, last)) => (Some(folders), last),
            None => (None, self.0.as_str()),
        };
        (folders.into_iter().flat_map(|folders| folders.split('/')), last)
    }
}

fn problem(text: &str) -> Option<String> {
    if text.len() > NAME_BYTES {
        return Some(format!("has at most {NAME_BYTES} bytes, not {}", text.len()));
    }
    if text.contains('\0') {
        return Some("has no NUL in it".to_owned());
    }
    if text.split('/').count() > DEPTH {
        return Some(format!("has at most {DEPTH} segments between slashes"));
    }
    text.split('/').find_map(|segment| match segment {
        "" => Some("has no empty segment, and no slash at its beginning or its end".to_owned()),
        "." | ".." => Some(format!("has no segment `{segment}`")),
        _ if segment.len() > SEGMENT_BYTES => {
            Some(format!("has segments of at most {SEGMENT_BYTES} bytes, not {}", segment.len()))
        }
        _ if segment.starts_with(RESERVED) => Some(format!("has no segment that begins with `{RESERVED}`")),
        _ => None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn only_plain_segments_are_names() {
        let long = "x".repeat(256);
        let longer = ["x".repeat(200).as_str(); 6].join("/");
        let deep = ["d"; 17].join("/");
        for (name, part) in [
            ("", "empty segment"),
            ("/etc/passwd", "empty segment"),
            ("a//b", "empty segment"),
            ("a/", "empty segment"),
            ("..", "`..`"),
            ("a/../b", "`..`"),
            ("./a", "`.`"),
            ("a\0b", "NUL"),
            (".patchboard-put-1", "`.patchboard-`"),
            ("a/.patchboard-x", "`.patchboard-`"),
            (&long, "255 bytes"),
            (&longer, "1024 bytes"),
            (&deep, "16 segments"),
        ] {
            let Err(Error::Invalid(text)) = ObjectName::parse(name) else { panic!("{name:?} is a name") };
            assert!(text.contains(part), "{name:?}: {text}");
        }
        for name in ["a", "a/b.txt", "...", ".hidden", "a b", "ü/ß", "a\\b", "%2e%2e/x", "-", "C:x"] {
            assert_eq!(ObjectName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn a_name_is_split_into_the_way_and_the_last() {
        for (name, way, last) in [("a", vec![], "a"), ("a/b/c", vec!["a", "b"], "c")] {
            let name = ObjectName::parse(name).unwrap();
            let (folders, found) = name.split();
            assert_eq!((folders.collect::<Vec<_>>(), found), (way, last));
        }
    }
}
