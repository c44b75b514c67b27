//! Redirects: `/old/{id}` to `/items/{id}`, to another host, or to another scheme.
//!
//! The target is a URL with the route's parameters in it. Each value is
//! percent-encoded for where it stands, and where it would still lead elsewhere than the
//! operator wrote, to another host or above the path, the request is refused.

use std::fmt;

use http::header::LOCATION;
use http::{HeaderValue, Response, StatusCode, Uri};
use patchboard_pattern::url::{QUERY, SEGMENT};
use percent_encoding::{AsciiSet, percent_decode_str, percent_encode};

use crate::body::Body;
use crate::router::RoutePattern;

/// What a tail keeps beside: its slashes.
const TAIL: &AsciiSet = &SEGMENT.remove(b'/');

/// Where a route redirects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    status: StatusCode,
    to: String,
    pieces: Vec<Piece>,
    keeps_query: bool,
}

/// What is wrong with the target of a redirect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// It is not a redirect's.
    #[error("the status of a redirect is 301, 302, 303, 307 or 308, not {0}")]
    Status(u32),
    /// It is neither a path nor a URL.
    #[error("`{0}`: write a path such as `/items/{{id}}`, or a URL that begins with `https://` or `http://`")]
    Start(String),
    /// A brace has no counterpart, or there is no name between them.
    #[error(
        "`{0}`: a parameter is written `{{name}}`, or `{{*name}}` for a tail; encode other braces as %7B, %7D"
    )]
    Brace(String),
    /// The route has no such parameter.
    #[error("`{to}`: the route has no parameter `{name}`{}", list(.known))]
    Unknown {
        /// The target.
        to: String,
        /// The parameter.
        name: String,
        /// Those it has.
        known: Vec<String>,
    },
    /// Only a tail has slashes to keep.
    #[error("`{to}`: `{name}` is not a tail; write `{{{name}}}`")]
    NoTail {
        /// The target.
        to: String,
        /// The parameter.
        name: String,
    },
    /// A request could choose the host.
    #[error("`{to}`: only a parameter of the route's host may stand in the host, not `{name}`")]
    Host {
        /// The target.
        to: String,
        /// The parameter.
        name: String,
    },
    /// It is no URL.
    #[error("`{to}` is not a URL: {reason}")]
    Url {
        /// The target.
        to: String,
        /// Why.
        reason: String,
    },
}

fn list(names: &[String]) -> String {
    match names {
        [] => "; it has none".to_owned(),
        names => format!("; it has `{}`", names.join("`, `")),
    }
}

/// A piece of the target.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value { name: String, place: Place },
}

/// Where in a URL a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Host,
    Path,
    Tail,
    Query,
}

impl Redirect {
    /// A redirect from `route` to `to`.
    ///
    /// # Errors
    ///
    /// Names what is wrong with it.
    pub fn parse(route: &RoutePattern, to: &str, status: u32) -> Result<Self, RedirectError> {
        let status = match status {
            301 | 302 | 303 | 307 | 308 => StatusCode::from_u16(status as u16).ok(),
            _ => None,
        }
        .ok_or(RedirectError::Status(status))?;
        let authority = if to.starts_with('/') && !to.starts_with("//") {
            0..0
        } else {
            let start = ["https://", "http://"].iter().find(|scheme| to.starts_with(**scheme));
            let start = start.ok_or_else(|| RedirectError::Start(to.to_owned()))?.len();
            let end = to.get(start..).and_then(|rest| rest.find(['/', '?', '#']));
            start..end.map_or(to.len(), |end| start + end)
        };
        let pieces = parse(route, to, &authority)?;
        let redirect = Self { status, to: to.to_owned(), pieces, keeps_query: !to.contains(['?', '#']) };
        let sample: Vec<_> = route.parameter_names().map(|name| (name, &b"x"[..])).collect();
        let wrong = |reason: String| RedirectError::Url { to: to.to_owned(), reason };
        let location = redirect.location(sample.into_iter(), None);
        let location = location.map_err(|_| wrong("it has no host, or a `.` or `..` segment".to_owned()))?;
        let uri = location.split('#').next().unwrap_or_default();
        uri.parse::<Uri>().map_err(|error| wrong(error.to_string()))?;
        HeaderValue::try_from(&location).map_err(|error| wrong(error.to_string()))?;
        Ok(redirect)
    }

    /// The response to a request with these parameters and this query, which goes
    /// along unless the target has its own; 404 where a value cannot be in a host, 400 where
    /// one would lead above the path that was written.
    pub fn response<'a>(
        &self,
        values: impl Iterator<Item = (&'a str, &'a [u8])>,
        query: Option<&str>,
    ) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        let location = self.location(values, query);
        match location.and_then(|text| HeaderValue::try_from(text).map_err(|_| StatusCode::BAD_REQUEST)) {
            Ok(location) => {
                *response.status_mut() = self.status;
                response.headers_mut().insert(LOCATION, location);
            }
            Err(refused) => *response.status_mut() = refused,
        }
        response
    }

    fn location<'a>(
        &self,
        values: impl Iterator<Item = (&'a str, &'a [u8])>,
        query: Option<&str>,
    ) -> Result<String, StatusCode> {
        let values: Vec<_> = values.collect();
        let mut location = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => location.push_str(text),
                Piece::Value { name, place } => {
                    let value = values.iter().find(|(known, _)| known == name);
                    let (_, value) = value.ok_or(StatusCode::NOT_FOUND)?;
                    let set = match place {
                        Place::Host => {
                            location.push_str(label(value).ok_or(StatusCode::NOT_FOUND)?);
                            continue;
                        }
                        Place::Path => SEGMENT,
                        Place::Tail => TAIL,
                        Place::Query => QUERY,
                    };
                    location.extend(percent_encode(value, set));
                }
            }
        }
        // A browser would take what follows two slashes for a host.
        if location.starts_with("//") {
            location.replace_range(..location.len() - location.trim_start_matches('/').len(), "/");
        }
        if climbs(&location) {
            return Err(StatusCode::BAD_REQUEST);
        }
        if let (Some(query), true) = (query, self.keeps_query) {
            location.extend(["?", query]);
        }
        Ok(location)
    }
}

impl fmt::Display for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "redirect {} to `{}`", self.status.as_u16(), self.to)
    }
}

/// `value`, if it can be a part of a host's name.
fn label(value: &[u8]) -> Option<&str> {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let text = std::str::from_utf8(value).ok().filter(|_| value.iter().all(allowed))?;
    (!text.split('.').any(str::is_empty)).then_some(text)
}

/// Whether a segment of the path is `.` or `..` to anybody: who resolves it may decode it
/// first, or take a backslash for a slash, and some leave out what follows a semicolon.
fn climbs(location: &str) -> bool {
    let path = location.split(['?', '#']).next().unwrap_or_default();
    let authority_and_path = path.split_once("://").filter(|_| !path.starts_with('/'));
    let path = authority_and_path.map_or(path, |(_, rest)| rest);
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    decoded
        .split(|byte| matches!(byte, b'/' | b'\\'))
        .skip(1)
        .any(|segment| matches!(segment.split(|byte| *byte == b';').next(), Some(b"." | b"..")))
}

fn parse(
    route: &RoutePattern,
    to: &str,
    authority: &std::ops::Range<usize>,
) -> Result<Vec<Piece>, RedirectError> {
    let brace = || RedirectError::Brace(to.to_owned());
    let query = to.find('?').unwrap_or(to.len());
    let mut pieces = Vec::new();
    let (mut at, mut rest) = (0, to);
    while let Some(start) = rest.find(['{', '}']) {
        let (text, tagged) = rest.split_at(start);
        let inside = tagged.strip_prefix('{').and_then(|tagged| tagged.split_once('}')).ok_or_else(brace)?.0;
        let (name, is_tail) = inside.strip_prefix('*').map_or((inside, false), |name| (name, true));
        if name.is_empty() || name.contains('{') {
            return Err(brace());
        }
        at += start;
        let place = match at {
            _ if authority.contains(&at) => Place::Host,
            _ if at > query => Place::Query,
            _ if is_tail => Place::Tail,
            _ => Place::Path,
        };
        check(route, to, name, is_tail, place)?;
        pieces.push(Piece::Text(text.to_owned()));
        pieces.push(Piece::Value { name: name.to_owned(), place });
        at += inside.len() + 2;
        rest = to.get(at..).unwrap_or_default();
    }
    pieces.push(Piece::Text(rest.to_owned()));
    Ok(pieces)
}

fn check(
    route: &RoutePattern,
    to: &str,
    name: &str,
    is_tail: bool,
    place: Place,
) -> Result<(), RedirectError> {
    let (to, named) = (to.to_owned(), name.to_owned());
    if !route.parameter_names().any(|known| known == name) {
        let known = route.parameter_names().map(str::to_owned).collect();
        return Err(RedirectError::Unknown { to, name: named, known });
    }
    if is_tail && !route.is_tail(name) {
        return Err(RedirectError::NoTail { to, name: named });
    }
    if place == Place::Host && !route.host.parameter_names().any(|known| known == name) {
        return Err(RedirectError::Host { to, name: named });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::{Find, RequestHost, RequestPath, Route, Table};

    fn location(route: &str, to: &str, host: &str, target: &str) -> String {
        let route: RoutePattern = route.parse().unwrap();
        let redirect = Redirect::parse(&route, to, 308).unwrap();
        let mut table = Table::default();
        table.insert(Route::new(route, redirect));
        let (path, query) =
            target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let (host, path) = (RequestHost::new(host), RequestPath::parse(path).unwrap());
        let Find::Found(found) = table.find(&http::Method::GET, &host, &path) else {
            return "not found".to_owned();
        };
        let response = found.target().response(found.values(), query);
        match response.headers().get(LOCATION) {
            Some(location) => location.to_str().unwrap().to_owned(),
            None => response.status().to_string(),
        }
    }

    #[test]
    fn parameters_are_encoded_for_where_they_stand() {
        for (route, to, target, expected) in [
            ("/old", "/new", "/old", "/new"),
            ("/old/{id:int}", "/items/{id}", "/old/7", "/items/7"),
            ("/old/{id}", "/items/{id}", "/old/a%20b%2Fc%3Fd", "/items/a%20b%2Fc%3Fd"),
            ("/old/{id}", "/items?id={id}&x=1", "/old/a&b=c%2B", "/items?id=a%26b%3Dc%2B&x=1"),
            ("/old/{*rest}", "/new/{*rest}", "/old/a/b%20c/", "/new/a/b%20c/"),
            ("/old/{*rest}", "/new/{rest}", "/old/a/b", "/new/a%2Fb"),
            ("/old/{*rest}", "https://example.org/{*rest}", "/old/%FF", "https://example.org/%FF"),
            ("/a/{x}-{y}", "/{y}/{x}", "/a/1-2", "/2/1"),
            ("/a/{x}", "/b#{x}", "/a/1", "/b#1"),
        ] {
            assert_eq!(location(route, to, "h", target), expected, "{route} {to} {target}");
        }
    }

    #[test]
    fn no_request_leads_to_another_host() {
        for (route, to, target, expected) in [
            ("/{*rest}", "/{*rest}", "//evil.example", "/evil.example"),
            ("/{*rest}", "/{*rest}", "/%5Cevil.example", "/%5Cevil.example"),
            ("/{*rest}", "/{*rest}", "/%2F%2Fevil.example", "/evil.example"),
            ("/x/{*rest}", "/{*rest}", "/x///evil.example", "/evil.example"),
        ] {
            assert_eq!(location(route, to, "h", target), expected, "{route} {to} {target}");
        }
    }

    #[test]
    fn no_request_leads_above_the_path() {
        let refused = "400 Bad Request";
        for (route, to, target, expected) in [
            ("/files/{*rest}", "https://s.example/ours/{*rest}", "/files/..%2ftheirs%2fx", refused),
            ("/files/{*rest}", "/ours/{*rest}", "/files/a%2F..%2F..%2Fx", refused),
            ("/files/{*rest}", "/ours/{*rest}", "/files/..%5C..%5Cx", refused),
            ("/files/{*rest}", "/ours/{*rest}", "/files/a%5C.", refused),
            ("/files/{*rest}", "/ours/{*rest}", "/files/..;a/x", refused),
            ("/files/{*rest}", "/ours/{*rest}", "/files/.;/x", refused),
            ("/files/{*rest}", "/ours/{rest}", "/files/..%2Fx", refused),
            ("/files/{id}", "/ours/{id}", "/files/..%2f..", refused),
            ("/files/{id}", "/ours/{id}", "/files/%2e%2e%2f", refused),
            ("/files/{id}", "/ours/{id}", "/files/a%2f%2e", refused),
            ("/files/{a}-{b}", "/ours/{a}{b}", "/files/.-.", refused),
            ("/files/{id}", "/ours/.{id}", "/files/.%2fx", refused),
            ("/files/{*rest}", "/ours/{*rest}", "/files/http:%2f%2f..%2f", refused),
            // What stays beneath, and what only looks like it.
            ("/files/{*rest}", "/ours/{*rest}", "/files/...", "/ours/..."),
            ("/files/{*rest}", "/ours/{*rest}", "/files/..a/b..", "/ours/..a/b.."),
            ("/files/{*rest}", "/ours/{*rest}", "/files//a//", "/ours//a//"),
            ("/files/{*rest}", "/ours/{*rest}", "/files/a%2Fb", "/ours/a/b"),
            ("/files/{*rest}", "/ours/{*rest}", "/files/%252e%252e%252fx", "/ours/%252e%252e%252fx"),
            ("/files/{*rest}", "/ours/{*rest}", "/files/a%0d%0ab%09", "/ours/a%0D%0Ab%09"),
            ("/files/{id}", "/ours/{id}", "/files/a%5Cb", "/ours/a%5Cb"),
            ("/files/{id}", "/ours?at={id}", "/files/..%2f..", "/ours?at=../.."),
            ("/files/{id}", "/ours#{id}", "/files/..%2f..", "/ours#..%2F.."),
            ("/files/{id}", "https://s.example?at={id}", "/files/..%2f", "https://s.example?at=../"),
        ] {
            assert_eq!(location(route, to, "h", target), expected, "{route} {to} {target}");
        }
    }

    #[test]
    fn the_query_goes_along_unless_the_target_has_one() {
        assert_eq!(location("/a", "/b", "h", "/a?x=1&y=%20"), "/b?x=1&y=%20");
        assert_eq!(location("/a", "/b?z=1", "h", "/a?x=1"), "/b?z=1");
        assert_eq!(location("/a", "/b?", "h", "/a?x=1"), "/b?");
    }

    #[test]
    fn a_parameter_of_the_host_may_stand_in_the_host() {
        let (route, to) = ("{tenant}.old.example/{*rest}", "https://{tenant}.example.org/{*rest}");
        assert_eq!(location(route, to, "a-b.old.example", "/x"), "https://a-b.example.org/x");
        assert_eq!(location(route, to, "a%20b.old.example", "/x"), "404 Not Found");
        let (route, to) = ("{*sub}.old.example/{*rest}", "https://{sub}.example.org/{*rest}");
        assert_eq!(location(route, to, "a.b.old.example", "/x"), "https://a.b.example.org/x");
        assert_eq!(location(route, to, "a..b.old.example", "/x"), "404 Not Found");
    }

    #[test]
    fn refusals_name_the_part() {
        for (route, to, status, part) in [
            ("/a", "/b", 200, "not 200"),
            ("/a", "/b", 304, "not 304"),
            ("/a", "/b", 65_844, "not 65844"),
            ("/a", "b", 301, "write a path"),
            ("/a", "//b", 301, "write a path"),
            ("/a", "javascript:alert(1)", 301, "write a path"),
            ("/a", "/b/{", 301, "is written"),
            ("/a", "/b/}", 301, "is written"),
            ("/a", "/b/{}", 301, "is written"),
            ("/{a}", "/b/{{a}}", 301, "is written"),
            ("/a", "/b/{id}", 301, "no parameter `id`; it has none"),
            ("/{x}/{y}", "/b/{id}", 301, "it has `x`, `y`"),
            ("/{x}", "/b/{*x}", 301, "is not a tail"),
            ("/{x}", "https://{x}.example.org/", 301, "only a parameter of the route's host"),
            ("/a", "https:///b", 301, "is not a URL"),
            ("/a", "/b c", 301, "is not a URL"),
            ("/a", "/b\nc", 301, "is not a URL"),
            ("/{x}", "/b/../{x}", 301, "segment"),
            ("/{x}", "https://a.example/%2e%2E/{x}", 301, "segment"),
        ] {
            let error = Redirect::parse(&route.parse().unwrap(), to, status).unwrap_err().to_string();
            assert!(error.contains(part), "{to}: {error}");
        }
    }
}
