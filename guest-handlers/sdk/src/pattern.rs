//! Patterns, as the host writes them and as axum's router does. Pure.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// In a literal stays whatever a path segment may hold as it is (RFC 3986,
/// section 3.3), since clients send it so.
const LITERAL: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
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

/// A pattern as axum's router writes it. Its literals are percent-encoded, since
/// axum matches paths as they were sent.
pub(crate) fn router_pattern(pattern: &str) -> String {
    let mut written = String::new();
    for segment in segments(pattern) {
        segment.write(&mut written);
    }
    written
}

/// A segment of a host's pattern.
#[derive(Debug, PartialEq)]
pub(crate) enum Segment<'a> {
    Literal(&'a str),
    Parameter(&'a str),
    Tail(&'a str),
}

impl Segment<'_> {
    pub(crate) fn write(&self, pattern: &mut String) {
        pattern.push('/');
        match self {
            Self::Literal(text) => pattern.extend(utf8_percent_encode(text, LITERAL)),
            Self::Parameter(name) => pattern.extend(["{", name, "}"]),
            Self::Tail(name) => pattern.extend(["{*", name, "}"]),
        }
    }
}

/// The segments of a pattern of the host's grammar, which may be wider than that
/// of the attributes. `{name:int}` and `{name:[^/]+}` are parameters; a segment
/// that mixes parameters with other text counts as a literal here.
pub(crate) fn segments(pattern: &str) -> Vec<Segment<'_>> {
    let mut segments = Vec::new();
    let mut rest = pattern.strip_prefix('/').unwrap_or(pattern);
    loop {
        // A regex may hold a `/`, and braces in pairs.
        let mut depth = 0_usize;
        let end = rest.find(|c| {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            c == '/' && depth == 0
        });
        let (segment, after) = match end {
            Some(end) => (&rest[..end], Some(&rest[end + 1..])),
            None => (rest, None),
        };
        segments.push(parse_segment(segment));
        match after {
            Some(after) => rest = after,
            None => return segments,
        }
    }
}

fn parse_segment(segment: &str) -> Segment<'_> {
    let Some(inside) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        return Segment::Literal(segment);
    };
    let name = inside.split_once(':').map_or(inside, |(name, _)| name);
    let (name, is_tail) = match name.strip_prefix('*') {
        Some(name) => (name, true),
        None => (name, false),
    };
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    match (is_name, is_tail) {
        (true, false) => Segment::Parameter(name),
        (true, true) => Segment::Tail(name),
        (false, _) => Segment::Literal(segment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_both_grammars() {
        for (pattern, expected) in [
            ("/", "/"),
            ("/a/", "/a/"),
            ("/demo1/{name}", "/demo1/{name}"),
            ("/s p/ü/a:b@(c)/{*rest}", "/s%20p/%C3%BC/a:b@(c)/{*rest}"),
            ("/{id:int}/{y:[0-9]{4}/x}", "/{id}/{y}"),
            ("/{y}-{m}", "/%7By%7D-%7Bm%7D"),
        ] {
            assert_eq!(router_pattern(pattern), expected);
        }
    }
}
