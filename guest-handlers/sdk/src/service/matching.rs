//! Which routes a path matches, where no host has said it. Pure.
//!
//! By the rules of the host: segments are split before they are decoded; the more
//! specific pattern goes first, whatever the order of the source. Only regexes are not
//! checked, since that would take a regex engine into each component.

use crate::registry::RouteEntry;
use patchboard_pattern::{Kind, Part, Pattern, Rank, Segment};
use percent_encoding::percent_decode_str;

/// The parsed pattern of a route.
pub(super) struct Candidate {
    pub(super) route: &'static RouteEntry,
    pattern: Pattern,
}

/// A parameter, name and value.
type Parameter = (String, String);

impl Candidate {
    /// None for a pattern that the attribute would have refused.
    pub(super) fn new(route: &'static RouteEntry) -> Option<Self> {
        Some(Self { route, pattern: Pattern::parse(route.pattern).ok()? })
    }

    /// What its parameters took, if it matches.
    fn parameters(&self, path: &[String]) -> Option<Vec<Parameter>> {
        let mut parameters = Vec::new();
        for (at, segment) in self.pattern.segments.iter().enumerate() {
            let text = path.get(at)?;
            let matches = match segment {
                Segment::Literal(literal) => literal == text,
                Segment::Plain(name) => {
                    parameters.push((name.clone(), text.clone()));
                    !text.is_empty()
                }
                Segment::Shape(parts) => split(parts, text, &mut parameters),
            };
            if !matches {
                return None;
            }
        }
        let left = &path[self.pattern.segments.len()..];
        match &self.pattern.tail {
            Some(_) if left.is_empty() => return None,
            Some(name) => parameters.push((name.clone(), left.join("/"))),
            None if left.is_empty() => {}
            None => return None,
        }
        Some(parameters)
    }

    /// Smaller is more specific. A shape that has no rank is before those that have one:
    /// what is in it is mostly narrower than text and types.
    fn rank(&self) -> Vec<(u8, Option<Rank>)> {
        let rank = |segment: &Segment| match segment {
            Segment::Literal(_) => (0, None),
            Segment::Shape(parts) => (1, Rank::of(parts)),
            Segment::Plain(_) => (2, None),
        };
        let tail = self.pattern.tail.iter().map(|_| (3, None));
        self.pattern.segments.iter().map(rank).chain(tail).collect()
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
/// to one with a regex, since that hardly takes what follows it.
pub(super) fn split(parts: &[Part], text: &str, parameters: &mut Vec<Parameter>) -> bool {
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
        Part::Literal(literal) => {
            text.strip_prefix(literal.as_str()).is_some_and(|text| split(rest, text, parameters))
        }
        Part::Parameter(name, Kind::Plain) => ends().rev().any(|end| take(name, end)),
        Part::Parameter(name, Kind::Type(kind)) => {
            ends().rev().any(|end| kind.accepts(&text.as_bytes()[..end]) && take(name, end))
        }
        Part::Parameter(name, Kind::Regex(_)) => ends().any(|end| take(name, end)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::Response;

    fn candidates(patterns: &[&'static str]) -> Vec<Candidate> {
        let entry = |pattern| RouteEntry {
            id: 0,
            method: "GET",
            pattern,
            name: "",
            wants: || crate::wants::Wants::Nothing,
            call: |_| Box::pin(async { Response::default() }),
        };
        patterns.iter().filter_map(|pattern| Candidate::new(Box::leak(Box::new(entry(pattern))))).collect()
    }

    #[test]
    fn the_more_specific_goes_first() {
        let candidates = candidates(&[
            "/{*all}",
            "/a/{x}",
            "/a/{s:slug}",
            "/a/{n:int}",
            "/a/b",
            "/b/{n:int}",
            "/b/{y:[0-9]{4}}",
            "/v/{a}.{b}",
            "/v/{a}.html",
            "/t/{*t}",
            "/{y}-{m}.png",
            "/{y:int}-{t}.html",
            "/{{a}}",
            "/a/",
        ]);
        for (path, expected) in [
            ("/a/b", &["/a/b []", "/a/{s:slug} [s=b]", "/a/{x} [x=b]", "/{*all} [all=a/b]"][..]),
            ("/a/7", &["/a/{n:int} [n=7]", "/a/{s:slug} [s=7]", "/a/{x} [x=7]", "/{*all} [all=a/7]"]),
            ("/a/%C3%A9", &["/a/{x} [x=\u{e9}]", "/{*all} [all=a/\u{e9}]"]),
            ("/x-2-3.html", &["/{*all} [all=x-2-3.html]"]),
            ("/b/2024", &["/b/{y:[0-9]{4}} [y=2024]", "/b/{n:int} [n=2024]", "/{*all} [all=b/2024]"]),
            (
                "/v/1.0.html",
                &["/v/{a}.html [a=1.0]", "/v/{a}.{b} [a=1.0 b=html]", "/{*all} [all=v/1.0.html]"],
            ),
            ("/t", &["/{*all} [all=t]"]),
            ("/t/", &["/t/{*t} [t=]", "/{*all} [all=t/]"]),
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
