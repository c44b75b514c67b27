//! Patterns, as the host writes them. Pure.
//!
//! What is in a pattern was checked by the attribute or by the host, so nothing is
//! refused here: what cannot be read is taken as literal text.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What a path segment may hold as it is (RFC 3986, section 3.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
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

/// A segment of a pattern.
#[derive(Debug, PartialEq)]
pub(crate) enum Segment<'a> {
    /// This text, decoded.
    Literal(String),
    /// `{name}`: any text but none.
    Parameter(&'a str),
    /// A parameter with a type or a regex, which the host checks, or parameters
    /// among other text.
    Shape(Vec<Part<'a>>),
    /// `{*name}`: all that is left.
    Tail(&'a str),
}

/// A piece of a segment.
#[derive(Debug, PartialEq)]
pub(crate) enum Part<'a> {
    Text(String),
    /// `{name}`.
    Parameter(&'a str),
    /// With a type or a regex.
    Typed(&'a str),
}

impl<'a> Part<'a> {
    /// The name of a parameter.
    pub(crate) fn name(&self) -> Option<&'a str> {
        match self {
            Self::Text(_) => None,
            Self::Parameter(name) | Self::Typed(name) => Some(name),
        }
    }
}

/// The segments of a pattern.
pub(crate) fn segments(pattern: &str) -> Vec<Segment<'_>> {
    let mut rest = pattern.strip_prefix('/').unwrap_or(pattern);
    let mut segments = Vec::new();
    let mut parts = Vec::new();
    let mut text = String::new();
    while let Some(c) = rest.chars().next() {
        let (after, inside) = match c {
            '{' | '}' if rest[1..].starts_with(c) => (&rest[2..], None),
            '{' => match closing(rest) {
                Some(end) => (&rest[end + 1..], Some(&rest[1..end])),
                None => (&rest[1..], None),
            },
            _ => (&rest[c.len_utf8()..], None),
        };
        match (c, inside) {
            ('/', _) => segments.push(segment(&mut parts, &mut text)),
            (_, Some(inside)) => {
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                parts.push(match inside.split_once(':') {
                    Some((name, _)) => Part::Typed(name),
                    None => Part::Parameter(inside),
                });
            }
            (c, None) => text.push(c),
        }
        rest = after;
    }
    segments.push(segment(&mut parts, &mut text));
    segments
}

/// Where the parameter ends that `text` begins with. Braces nest in a regex, and one
/// after a backslash counts for nothing.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut escaped = false;
    text.bytes().position(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        depth == 0
    })
}

fn segment<'a>(parts: &mut Vec<Part<'a>>, text: &mut String) -> Segment<'a> {
    let (mut parts, text) = (std::mem::take(parts), std::mem::take(text));
    if parts.is_empty() {
        return Segment::Literal(text);
    }
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    match parts.as_slice() {
        [Part::Parameter(name)] if name.starts_with('*') => Segment::Tail(&name[1..]),
        [Part::Parameter(name)] => Segment::Parameter(name),
        _ => Segment::Shape(parts),
    }
}

/// `text` as one segment of a path.
pub(crate) fn encode(text: &str) -> impl Iterator<Item = &str> {
    utf8_percent_encode(text, SEGMENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(segment: &Segment<'_>) -> String {
        match segment {
            Segment::Literal(text) => text.clone(),
            Segment::Parameter(name) => format!("<{name}>"),
            Segment::Tail(name) => format!("<*{name}>"),
            Segment::Shape(parts) => parts
                .iter()
                .map(|part| match part {
                    Part::Text(text) => text.clone(),
                    Part::Parameter(name) => format!("<{name}>"),
                    Part::Typed(name) => format!("<{name}:>"),
                })
                .collect(),
        }
    }

    #[test]
    fn segments_of_the_whole_grammar() {
        for (pattern, expected) in [
            ("/", &[""][..]),
            ("/a/", &["a", ""]),
            ("/demo1/{name}", &["demo1", "<name>"]),
            ("/s p/\u{fc}/{*rest}", &["s p", "\u{fc}", "<*rest>"]),
            ("/{id:int}/{y:[0-9]{4}/x}", &["<id:>", "<y:>"]),
            ("/{y}-{m:int}/p-{n}.png", &["<y>-<m:>", "p-<n>.png"]),
            (r"/{a:\{+}/b", &["<a:>", "b"]),
            ("/{{a}}/{{{b}}}", &["{a}", "{<b>}"]),
            ("/{a", &["{a"]),
        ] {
            assert_eq!(segments(pattern).iter().map(text).collect::<Vec<_>>(), expected, "{pattern}");
        }
    }
}
