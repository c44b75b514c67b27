//! Patterns: what may be written in a route, parsed once.
//!
//! A pattern is a path of literal segments, parameters (`{name}`, one non-empty
//! segment) and, at the end, a tail (`{*rest}`, everything that is left, also
//! nothing). A route is `METHOD /pattern`, or `/pattern` for every method.

use std::fmt;
use std::str::FromStr;

use http::Method;

/// Which methods a route answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MethodFilter {
    /// Every method.
    Any,
    /// This one; a route for GET also answers HEAD.
    One(Method),
}

/// A parsed pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    source: String,
    pub(super) segments: Vec<Segment>,
    pub(super) tail: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Literal(String),
    Parameter(String),
}

/// A method filter and a pattern, written `POST /demo1/{name}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutePattern {
    /// The methods.
    pub method: MethodFilter,
    /// The path.
    pub pattern: Pattern,
}

/// What is wrong with a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("route `{source_text}`: {reason}")]
pub struct PatternError {
    source_text: String,
    reason: String,
}

impl Pattern {
    /// Parses `source`.
    ///
    /// # Errors
    ///
    /// Names the pattern and the part of it that is wrong.
    pub fn parse(source: &str) -> Result<Self, PatternError> {
        let fail = |reason: String| PatternError { source_text: source.to_owned(), reason };
        let rest = source.strip_prefix('/').ok_or_else(|| fail("a pattern starts with `/`".to_owned()))?;
        let mut pattern = Self { source: source.to_owned(), segments: Vec::new(), tail: None };
        for text in rest.split('/') {
            if pattern.tail.is_some() {
                return Err(fail("a tail `{*name}` must be the last segment".to_owned()));
            }
            match pattern_segment(text).map_err(fail)? {
                Part::Tail(name) => pattern.tail = Some(name),
                Part::Segment(segment) => pattern.segments.push(segment),
            }
        }
        let mut names: Vec<&str> = pattern.parameter_names().collect();
        names.sort_unstable();
        if let Some([name, _]) = names.array_windows().find(|[a, b]| a == b) {
            return Err(fail(format!("the parameter `{name}` occurs twice")));
        }
        Ok(pattern)
    }

    /// A pattern of literal segments below `prefix` that ends in a tail.
    pub(crate) fn below(prefix: &str) -> Self {
        Self {
            source: format!("{prefix}/{{*path}}"),
            segments: prefix.split('/').skip(1).map(|segment| Segment::Literal(segment.to_owned())).collect(),
            tail: Some("path".to_owned()),
        }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// The names of the parameters, in order, the tail last.
    pub fn parameter_names(&self) -> impl Iterator<Item = &str> {
        let named = self.segments.iter().filter_map(|segment| match segment {
            Segment::Literal(_) => None,
            Segment::Parameter(name) => Some(name.as_str()),
        });
        named.chain(self.tail.as_deref())
    }
}

enum Part {
    Segment(Segment),
    Tail(String),
}

fn pattern_segment(text: &str) -> Result<Part, String> {
    let Some(inner) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        if text.contains(['{', '}']) {
            return Err(format!("`{text}`: a parameter takes a whole segment, as in `/{{name}}`"));
        }
        return Ok(Part::Segment(Segment::Literal(text.to_owned())));
    };
    let (name, tail) = match inner.strip_prefix('*') {
        Some(name) => (name, true),
        None => (inner, false),
    };
    let mut characters = name.chars();
    let valid = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !valid {
        return Err(format!(
            "`{text}`: a parameter's name is letters, digits and `_`, and starts with no digit"
        ));
    }
    Ok(if tail { Part::Tail(name.to_owned()) } else { Part::Segment(Segment::Parameter(name.to_owned())) })
}

impl FromStr for RoutePattern {
    type Err = PatternError;

    fn from_str(source: &str) -> Result<Self, PatternError> {
        let fail = |reason: &str| PatternError { source_text: source.to_owned(), reason: reason.to_owned() };
        let (method, pattern) = match source.split_once(' ') {
            None => (MethodFilter::Any, source),
            Some((method, pattern)) => (MethodFilter::parse(method).ok_or_else(|| fail(
                "write it as `METHOD /pattern`, with the method in capitals, or `/pattern` for every method",
            ))?, pattern.trim_start()),
        };
        Ok(Self { method, pattern: Pattern::parse(pattern)? })
    }
}

impl MethodFilter {
    /// Parses a method in capitals, or `*` for every method.
    pub fn parse(method: &str) -> Option<Self> {
        if method == "*" {
            return Some(Self::Any);
        }
        if method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-') {
            return None;
        }
        Method::from_bytes(method.as_bytes()).ok().map(Self::One)
    }
}

impl fmt::Display for RoutePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.method {
            MethodFilter::Any => write!(f, "{}", self.pattern.as_str()),
            MethodFilter::One(method) => write!(f, "{method} {}", self.pattern.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_named_in_order() {
        let pattern = Pattern::parse("/a/{b}/c/{d}/{*e}").unwrap();
        assert_eq!(pattern.parameter_names().collect::<Vec<_>>(), ["b", "d", "e"]);
    }

    #[test]
    fn refusals_name_the_part() {
        for (source, part) in [
            ("a", "starts with `/`"),
            ("/{a}x", "whole segment"),
            ("/x{a}", "whole segment"),
            ("/{}", "letters, digits"),
            ("/{1a}", "letters, digits"),
            ("/{a-b}", "letters, digits"),
            ("/{*a}/b", "last segment"),
            ("/{a}/{a}", "occurs twice"),
            ("/{a}/{*a}", "occurs twice"),
        ] {
            let error = Pattern::parse(source).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains(source), "{source}: {error}");
        }
    }

    #[test]
    fn routes_have_a_method_or_none() {
        let route: RoutePattern = "POST /demo1/{name}".parse().unwrap();
        assert_eq!(route.method, MethodFilter::One(Method::POST));
        assert_eq!(route.to_string(), "POST /demo1/{name}");
        let route: RoutePattern = "/demo1".parse().unwrap();
        assert_eq!(route.method, MethodFilter::Any);
        assert!("post /x".parse::<RoutePattern>().is_err());
    }
}
