//! A route: what it answers, under which name, and its target.

use std::fmt;
use std::str::FromStr;

use patchboard_pattern::{GrammarError, check_names, split};

use super::Captures;
use super::host::{HostPattern, RequestHost};
use super::method::MethodFilter;
use super::path::RequestPath;
use super::pattern::{Pattern, PatternError, shorten};
use super::redirect::Slashes;
use super::segment::Segment;
use super::tree::Places;

/// Methods, host and path, written `GET {tenant}.example.com/items/{id:int}`.
/// Without a method it is every method, without a host every host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutePattern {
    /// The methods.
    pub method: MethodFilter,
    /// The host.
    pub host: HostPattern,
    /// The path.
    pub pattern: Pattern,
}

/// A route of a table.
#[derive(Debug, Clone)]
pub struct Route<T> {
    /// What it answers.
    pub pattern: RoutePattern,
    /// Its name for URLs; routes of one host and path may share it.
    pub name: Option<String>,
    /// What slashes mean to it.
    pub slashes: Slashes,
    /// What answers.
    pub target: T,
}

/// Why a route does not match a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// The host is another one.
    Host,
    /// This segment of the path, counted from 0, is not what the pattern has there.
    Segment {
        /// Which one.
        at: usize,
        /// What it is, decoded.
        found: String,
        /// What the pattern has there.
        expected: String,
    },
    /// The path ends before the pattern does.
    TooShort,
    /// The path goes on after the pattern has ended.
    TooLong,
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("the host is another one"),
            Self::Segment { at, found, expected } if found.is_empty() => {
                write!(f, "segment {} is empty (a slash), not `{expected}`", at + 1)
            }
            Self::Segment { at, found, expected } if expected.is_empty() => {
                write!(f, "segment {} is `{found}`; the pattern ends with a slash", at + 1)
            }
            Self::Segment { at, found, expected } => {
                write!(f, "segment {} is `{found}`, not `{expected}`", at + 1)
            }
            Self::TooShort => f.write_str("the path is too short"),
            Self::TooLong => f.write_str("the path is too long"),
        }
    }
}

impl<T> Route<T> {
    /// A route without a name, strict about slashes.
    pub fn new(pattern: RoutePattern, target: T) -> Self {
        Self { pattern, name: None, slashes: Slashes::Strict, target }
    }

    /// With this name.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// With this meaning of slashes.
    #[must_use]
    pub fn slashes(self, slashes: Slashes) -> Self {
        Self { slashes, ..self }
    }
}

impl RoutePattern {
    /// A route of every host.
    pub fn new(method: MethodFilter, pattern: Pattern) -> Self {
        Self { method, host: HostPattern::any(), pattern }
    }

    /// The names of the parameters, those of the host first.
    pub fn parameter_names(&self) -> impl Iterator<Item = &str> {
        self.host.parameter_names().chain(self.pattern.parameter_names())
    }

    /// Whether this is the name of the path's tail.
    pub fn is_tail(&self, name: &str) -> bool {
        self.pattern.tail.as_deref() == Some(name)
    }

    /// Whether host and path match, found without a table: what the parameters
    /// took, in the order of the search. This is the specification of the search.
    pub(super) fn matches<'p>(
        &self,
        host: &'p RequestHost<'_>,
        path: &'p RequestPath<'_>,
    ) -> Result<Captures<'p>, Miss> {
        let mut captures = Captures::new();
        if !self.host.is_any() {
            let labels = host.labels();
            let tail = self.host.tail.is_some();
            match_places(&self.host.labels, tail, &labels, &mut captures).map_err(|_| Miss::Host)?;
        }
        match_places(&self.pattern.segments, self.pattern.tail.is_some(), &path, &mut captures)?;
        Ok(captures)
    }

    /// Names with values, in reading order.
    pub(super) fn name_values<'a>(
        &'a self,
        values: &'a [&'a [u8]],
    ) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let host = self.host.reading_order();
        let place = move |at: usize| host.get(at).copied().unwrap_or(at);
        self.parameter_names().enumerate().filter_map(move |(at, name)| Some((name, *values.get(place(at))?)))
    }
}

fn match_places<'p>(
    segments: &[Segment],
    tail: bool,
    places: &impl Places<'p>,
    captures: &mut Captures<'p>,
) -> Result<(), Miss> {
    for (at, segment) in segments.iter().enumerate() {
        let text = places.place(at).ok_or(Miss::TooShort)?;
        let found = match segment {
            Segment::Literal(literal) => literal.as_bytes() == text,
            Segment::Plain(_) => {
                captures.push(text);
                !text.is_empty()
            }
            Segment::Shape(shape) => !text.is_empty() && shape.matches(text, captures),
        };
        if !found {
            let found = String::from_utf8_lossy(text).into_owned();
            return Err(Miss::Segment { at, found, expected: segment.to_string() });
        }
    }
    match places.place(segments.len()) {
        None if tail => Err(Miss::TooShort),
        None => Ok(()),
        Some(_) if tail => {
            captures.push(places.rest(segments.len()));
            Ok(())
        }
        Some(_) => Err(Miss::TooLong),
    }
}

impl FromStr for RoutePattern {
    type Err = PatternError;

    fn from_str(source: &str) -> Result<Self, PatternError> {
        let fail = |reason: String| PatternError { source_text: shorten(source), reason };
        // A space may also be in a regex, so the method must look like one.
        let is_method = |method: &str| !method.contains(['/', '{', '.']);
        let (method, rest) = match source.split_once(' ').filter(|(method, _)| is_method(method)) {
            None => (MethodFilter::Any, source),
            Some((method, rest)) => {
                let method = MethodFilter::parse(method).map_err(|error| fail(format!(
                    "{}; write it as `METHOD /pattern`, with the method in capitals, or `/pattern` for every method",
                    error.wrong
                )))?;
                (method, rest.trim_start())
            }
        };
        let said = |error: GrammarError| fail(error.to_string());
        let slash = split(rest, '/').map_err(said)?.first().map_or(0, |host| host.len());
        let (host, path) = rest.split_at_checked(slash).unwrap_or((rest, ""));
        let host = match host {
            "" => HostPattern::any(),
            host if path.is_empty() => {
                return Err(fail(format!("a pattern starts with `/`: write `/{}`", shorten(host))));
            }
            host => HostPattern::parse(host).map_err(|reason| fail(format!("host `{host}`: {reason}")))?,
        };
        let route = Self { method, host, pattern: Pattern::parse(path)? };
        check_names(route.parameter_names()).map_err(said)?;
        Ok(route)
    }
}

impl fmt::Display for RoutePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let MethodFilter::One(method) = &self.method {
            write!(f, "{method} ")?;
        }
        if !self.host.is_any() {
            write!(f, "{}", self.host)?;
        }
        f.write_str(self.pattern.as_str())
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    #[test]
    fn routes_have_a_method_or_none_and_a_host_or_none() {
        for (source, method, host, pattern) in [
            ("POST /demo1/{name}", "POST", "*", "/demo1/{name}"),
            ("/demo1", "*", "*", "/demo1"),
            ("GET {t}.example.com/x", "GET", "{t}.example.com", "/x"),
            ("example.com/", "*", "example.com", "/"),
            ("GET [::1]/x", "GET", "[::1]", "/x"),
            ("{a:[a-z/]+}.x/{b:[^/ ]+}", "*", "{a:[a-z/]+}.x", "/{b:[^/ ]+}"),
        ] {
            let route: RoutePattern = source.parse().unwrap();
            let found = (route.method.as_str(), route.host.to_string(), route.pattern.as_str());
            assert_eq!(found, (method, host.to_owned(), pattern), "{source}");
            assert_eq!(route.to_string(), source);
        }
        let route: RoutePattern = "POST /x".parse().unwrap();
        assert_eq!(route.method, MethodFilter::One(Method::POST));
    }

    #[test]
    fn refusals_of_routes() {
        for (source, part) in [
            ("post /x", "in capitals"),
            ("demo1", "write `/demo1`"),
            ("GET ", "starts with `/`"),
            ("{a}.x/{a}", "occurs twice"),
            ("*.x.y/", "host `*.x.y`"),
            ("x:80/", "ports"),
        ] {
            let error = source.parse::<RoutePattern>().unwrap_err().to_string();
            assert!(error.contains(part), "{source}: {error}");
        }
    }
}
