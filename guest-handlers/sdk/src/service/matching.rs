//! Which routes a path matches, where no host has said it. Pure.
//!
//! By the rules of the host: segments are split before they are decoded; the more
//! specific pattern goes first, whatever the order of the source. Types and regexes
//! are left out, since checking them would take a regex engine into each component.

use crate::pattern::{Part, Segment, segments};
use crate::registry::RouteEntry;
use percent_encoding::percent_decode_str;

/// The parsed pattern of a route.
pub(super) struct Candidate {
    pub(super) route: &'static RouteEntry,
    segments: Vec<Segment<'static>>,
}

/// A parameter, name and value.
type Parameter = (String, String);

impl Candidate {
    pub(super) fn new(route: &'static RouteEntry) -> Self {
        Self { route, segments: segments(route.pattern) }
    }

    /// What its parameters took, if it matches.
    fn parameters(&self, path: &[String]) -> Option<Vec<Parameter>> {
        let mut parameters = Vec::new();
        for (at, segment) in self.segments.iter().enumerate() {
            let text = path.get(at)?;
            let matches = match segment {
                Segment::Literal(literal) => literal == text,
                Segment::Parameter(name) => {
                    parameters.push(((*name).to_owned(), text.clone()));
                    !text.is_empty()
                }
                Segment::Shape(parts) => split(parts, text, &mut parameters),
                Segment::Tail(name) => {
                    parameters.push(((*name).to_owned(), path[at..].join("/")));
                    return Some(parameters);
                }
            };
            if !matches {
                return None;
            }
        }
        (self.segments.len() == path.len()).then_some(parameters)
    }

    /// Smaller is more specific.
    fn rank(&self) -> Vec<u8> {
        let rank = |segment: &Segment<'_>| match segment {
            Segment::Literal(_) => 0,
            Segment::Shape(_) => 1,
            Segment::Parameter(_) => 2,
            Segment::Tail(_) => 3,
        };
        self.segments.iter().map(rank).collect()
    }
}

/// All that match `path`, as it was sent, the most specific first.
pub(super) fn matching<'c>(candidates: &'c [Candidate], path: &str) -> Vec<(&'c Candidate, Vec<Parameter>)> {
    let decode = |segment: &str| percent_decode_str(segment).decode_utf8_lossy().into_owned();
    let path: Vec<_> = path.strip_prefix('/').unwrap_or(path).split('/').map(decode).collect();
    let mut matching: Vec<_> =
        candidates.iter().filter_map(|candidate| Some((candidate, candidate.parameters(&path)?))).collect();
    matching.sort_by_cached_key(|(candidate, _)| candidate.rank());
    matching
}

/// Shares `text` among `parts`: as much as can be to the first, but as little as can be
/// to one with a type or regex, since that hardly takes what follows it.
fn split(parts: &[Part<'static>], text: &str, parameters: &mut Vec<Parameter>) -> bool {
    let Some((part, rest)) = parts.split_first() else { return text.is_empty() };
    let ends = || text.char_indices().map(|(at, c)| at + c.len_utf8());
    let mut take = |name: &str, end: usize| {
        let before = parameters.len();
        parameters.push((name.to_owned(), text[..end].to_owned()));
        let fits = split(rest, &text[end..], parameters);
        if !fits {
            parameters.truncate(before);
        }
        fits
    };
    match part {
        Part::Text(literal) => {
            text.strip_prefix(literal.as_str()).is_some_and(|text| split(rest, text, parameters))
        }
        Part::Parameter(name) => ends().rev().any(|end| take(name, end)),
        Part::Typed(name) => ends().any(|end| take(name, end)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::Response;

    fn candidates(patterns: &[&'static str]) -> Vec<Candidate> {
        let entry = |pattern| RouteEntry {
            method: "GET",
            pattern,
            name: "",
            wants: || crate::wants::Wants::Nothing,
            call: |_| Box::pin(async { Response::default() }),
        };
        patterns.iter().map(|pattern| Candidate::new(Box::leak(Box::new(entry(pattern))))).collect()
    }

    #[test]
    fn the_more_specific_goes_first() {
        let candidates = candidates(&[
            "/{*all}",
            "/a/{x}",
            "/a/{n:int}",
            "/a/b",
            "/{y}-{m}.png",
            "/{y:int}-{t}.html",
            "/{{a}}",
            "/a/",
        ]);
        for (path, expected) in [
            ("/a/b", &["/a/b []", "/a/{n:int} [n=b]", "/a/{x} [x=b]", "/{*all} [all=a/b]"][..]),
            ("/a/", &["/a/ []", "/{*all} [all=a/]"]),
            ("/a%2Fb", &["/{*all} [all=a/b]"]),
            ("/1-2-3.png", &["/{y}-{m}.png [y=1-2 m=3]", "/{*all} [all=1-2-3.png]"]),
            ("/1-2-3.html", &["/{y:int}-{t}.html [y=1 t=2-3]", "/{*all} [all=1-2-3.html]"]),
            ("/-2.png", &["/{*all} [all=-2.png]"]),
            ("/%7Ba%7D", &["/{{a}} []", "/{*all} [all={a}]"]),
            ("/", &["/{*all} [all=]"]),
        ] {
            let found: Vec<_> = matching(&candidates, path)
                .into_iter()
                .map(|(candidate, parameters)| {
                    let values: Vec<_> =
                        parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
                    format!("{} [{}]", candidate.route.pattern, values.join(" "))
                })
                .collect();
            assert_eq!(found, expected, "{path}");
        }
    }
}
