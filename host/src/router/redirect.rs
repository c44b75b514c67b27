//! Redirects to the canonical form of a path: one slash for several, and the
//! trailing slash that the route has. Only on request, and only where the path as
//! it was sent has no route (as aiohttp's `normalize_path_middleware`).

use patchboard_pattern::url::SEGMENT;
use percent_encoding::{AsciiSet, utf8_percent_encode};

/// What slashes mean to a route.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Slashes {
    /// `/a`, `/a/` and `//a` are three paths.
    #[default]
    Strict,
    /// A request that only slashes keep from this route is redirected (308).
    Redirect,
}

/// What stays as it was sent: characters of a path, and percent signs, since
/// encodings stay. A backslash must not: browsers take it for a slash, and
/// `/\host` would lead elsewhere.
const SENT: &AsciiSet = &SEGMENT.remove(b'/').remove(b'%');

/// The paths to try in place of `path`, none of which starts with two slashes (a
/// client would take what follows for a host).
pub(super) fn alternatives(path: &str) -> impl Iterator<Item = String> {
    let mut merged = String::with_capacity(path.len() + 1);
    for c in path.chars() {
        if c != '/' || !merged.ends_with('/') {
            merged.push(c);
        }
    }
    let toggled = match merged.strip_suffix('/') {
        Some("") => None,
        Some(bare) => Some(bare.to_owned()),
        None => Some(format!("{merged}/")),
    };
    let merged = (merged != path).then_some(merged);
    merged.into_iter().chain(toggled).map(|path| utf8_percent_encode(&path, SENT).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives_merge_then_toggle() {
        for (path, expected) in [
            ("/", &[][..]),
            ("/a", &["/a/"]),
            ("/a/", &["/a"]),
            ("//a", &["/a", "/a/"]),
            ("//", &["/"]),
            ("/a//b//", &["/a/b/", "/a/b"]),
            ("//evil.example//", &["/evil.example/", "/evil.example"]),
            ("/\\evil.example", &["/%5Cevil.example/"]),
            ("/a%2Fb", &["/a%2Fb/"]),
            ("/é", &["/%C3%A9/"]),
        ] {
            assert_eq!(alternatives(path).collect::<Vec<_>>(), expected, "{path}");
        }
    }
}
