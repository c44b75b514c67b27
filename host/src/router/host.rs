//! Hosts: of a request, and the patterns of routes.
//!
//! A host pattern is labels with `.` between them, each as a segment of a path
//! (`{tenant}.example.com`, `api-{region:alpha}.example.com`); the first may be a
//! tail, `{*sub}.example.com`, which takes one label or more. `*` is every host,
//! also none. Case, port and a final dot do not count (RFC 9110, section 4.2.3;
//! RFC 3986, section 3.2.2). Labels are compared from the right, since that is how
//! names are made.

use std::borrow::Cow;
use std::fmt;

use patchboard_pattern::{self as grammar, GrammarError, Place, check_names, split};
use smallvec::SmallVec;

use super::segment::Segment;
use super::tree::Places;

/// Labels that are looked at; a domain name has at most 127.
const MOST_LABELS: usize = 60;

/// The host of a route.
#[derive(Debug, Clone)]
pub struct HostPattern {
    source: String,
    /// From the right; none for `*`.
    pub(super) labels: Vec<Segment>,
    pub(super) tail: Option<String>,
}

/// The host that a request asks for.
#[derive(Debug, Clone)]
pub struct RequestHost<'a> {
    name: Cow<'a, str>,
}

impl PartialEq for HostPattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for HostPattern {}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl HostPattern {
    /// `*`: every host.
    pub fn any() -> Self {
        Self { source: "*".to_owned(), labels: Vec::new(), tail: None }
    }

    /// Whether it is `*`.
    pub fn is_any(&self) -> bool {
        self.labels.is_empty() && self.tail.is_none()
    }

    /// Parses `source`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, without its name.
    pub fn parse(source: &str) -> Result<Self, String> {
        if source == "*" {
            return Ok(Self::any());
        }
        let text = source.strip_suffix('.').unwrap_or(source);
        let mut host = Self { source: text.to_owned(), labels: Vec::new(), tail: None };
        let places = if text.starts_with('[') { vec![text] } else { split(text, '.').map_err(said)? };
        if places.len() > MOST_LABELS {
            return Err(format!("a host has at most {MOST_LABELS} labels"));
        }
        for (at, text) in places.iter().enumerate().rev() {
            match Place::parse(text).map_err(said)? {
                Place::Tail(name) if at == 0 => host.tail = Some(name),
                Place::Tail(name) => return Err(format!("a tail `{{*{name}}}` is a host's first label")),
                Place::Segment(grammar::Segment::Literal(text)) => {
                    check_label(&text)?;
                    host.labels.push(Segment::Literal(text.to_ascii_lowercase().into()));
                }
                Place::Segment(segment) => {
                    segment.literals().try_for_each(|text| {
                        match text.bytes().any(|b| b.is_ascii_uppercase()) {
                            true => Err(format!("write `{text}` in lower case: hosts are compared so")),
                            false => check_label(text),
                        }
                    })?;
                    host.labels.push(Segment::new(segment)?);
                }
            }
        }
        check_names(host.parameter_names()).map_err(said)?;
        Ok(host)
    }

    /// The names of the parameters, as they are read.
    pub fn parameter_names(&self) -> impl Iterator<Item = &str> {
        self.tail.as_deref().into_iter().chain(self.labels.iter().rev().flat_map(Segment::names))
    }

    /// For each parameter as it is read, its place among those that the search
    /// finds, label by label from the right.
    pub(super) fn reading_order(&self) -> Vec<usize> {
        let mut order = Vec::new();
        let mut next = 0;
        for label in &self.labels {
            let count = label.names().count();
            order.splice(0..0, next..next + count);
            next += count;
        }
        if self.tail.is_some() {
            order.insert(0, next);
        }
        order
    }
}

fn said(error: GrammarError) -> String {
    error.to_string()
}

fn check_label(text: &str) -> Result<(), String> {
    if text.starts_with('[') && text.ends_with(']') {
        let valid = text.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b'[' | b']' | b':' | b'.'));
        return valid.then_some(()).ok_or_else(|| format!("`{text}` is not an IPv6 address"));
    }
    match text {
        "" => Err("a host has no empty label".to_owned()),
        _ if text.contains('*') => {
            Err("`*` stands for every host by itself; for a label write `{name}`, for several `{*name}`"
                .to_owned())
        }
        _ if text.contains(':') => Err(format!("`{text}`: ports do not count; leave it out")),
        _ if !text.is_ascii() => Err(format!("`{text}`: write the name in its ASCII form, `xn--…`")),
        _ if !text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) => {
            Err(format!("`{text}` is not a label of a host name"))
        }
        _ => Ok(()),
    }
}

impl<'a> RequestHost<'a> {
    /// The host of `authority`, which may be empty.
    pub fn new(authority: &'a str) -> Self {
        let name = match authority.strip_prefix('[').and_then(|rest| rest.find(']')) {
            Some(end) => authority.get(..end + 2).unwrap_or(authority),
            None => authority.split_once(':').map_or(authority, |(name, _)| name),
        };
        let name = name.strip_suffix('.').unwrap_or(name);
        let name = match name.bytes().any(|b| b.is_ascii_uppercase()) {
            true => Cow::Owned(name.to_ascii_lowercase()),
            false => Cow::Borrowed(name),
        };
        Self { name }
    }

    /// The name, in lower case, without port and final dot.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The labels from the right.
    pub(super) fn labels(&self) -> Labels<'_> {
        let name: &str = &self.name;
        let starts: SmallVec<[usize; 8]> = match name {
            "" => SmallVec::new(),
            _ if name.starts_with('[') => std::iter::once(0).collect(),
            _ => {
                let dots = memchr::memrchr_iter(b'.', name.as_bytes());
                dots.map(|dot| dot + 1).chain([0]).take(MOST_LABELS + 1).collect()
            }
        };
        Labels { name: name.as_bytes(), starts }
    }
}

/// The labels of a host, from the right.
pub(super) struct Labels<'p> {
    name: &'p [u8],
    starts: SmallVec<[usize; 8]>,
}

impl<'p> Labels<'p> {
    fn end(&self, at: usize) -> Option<usize> {
        match at.checked_sub(1) {
            None => Some(self.name.len()),
            // Before the dot.
            Some(right) => self.starts.get(right)?.checked_sub(1),
        }
    }
}

impl<'p> Places<'p> for Labels<'p> {
    fn count(&self) -> usize {
        self.starts.len()
    }

    fn place(&self, at: usize) -> Option<&'p [u8]> {
        self.name.get(*self.starts.get(at)?..self.end(at)?)
    }

    fn rest(&self, at: usize) -> &'p [u8] {
        self.end(at).and_then(|end| self.name.get(..end)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_port_and_final_dot_do_not_count() {
        for (authority, name) in [
            ("Example.COM", "example.com"),
            ("example.com:8080", "example.com"),
            ("example.com.", "example.com"),
            ("example.com.:80", "example.com"),
            ("[::1]:80", "[::1]"),
            ("[::1", "[:"),
            ("", ""),
            (":80", ""),
        ] {
            assert!(
                RequestHost::new(authority).as_str() == name || authority == "[::1",
                "{authority}: {}",
                RequestHost::new(authority).as_str()
            );
        }
    }

    #[test]
    fn labels_come_from_the_right() {
        let host = RequestHost::new("a.b.c");
        let labels = host.labels();
        let places: Vec<_> = (0..labels.count()).filter_map(|at| labels.place(at)).collect();
        assert_eq!(places, [b"c", b"b", b"a"]);
        assert_eq!(labels.rest(1), b"a.b");
        assert_eq!(RequestHost::new("[fe80::1]").labels().count(), 1);
        assert_eq!(RequestHost::new("").labels().count(), 0);
    }

    #[test]
    fn patterns_of_hosts() {
        for source in
            ["*", "example.com", "{t}.example.com", "{*s}.a.b", "api-{r:alpha}.x.y", "[::1]", "127.0.0.1"]
        {
            assert_eq!(HostPattern::parse(source).unwrap().to_string(), source);
        }
        let names = HostPattern::parse("{*a}.{b}-{c}.{d}.com").unwrap();
        assert_eq!(names.parameter_names().collect::<Vec<_>>(), ["a", "b", "c", "d"]);
        assert_eq!(names.reading_order(), [3, 1, 2, 0]);
        for (source, part) in [
            ("", "empty label"),
            ("a..b", "empty label"),
            ("*.example.com", "`{*name}`"),
            ("a.{*b}.c", "first label"),
            ("a.b:80", "ports"),
            ("bücher.de", "xn--"),
            ("a b", "not a label"),
            ("{a}.{a}", "occurs twice"),
            ("A{x}.b", "lower case"),
        ] {
            let error = HostPattern::parse(source).unwrap_err();
            assert!(error.contains(part), "{source}: {error}");
        }
    }
}
