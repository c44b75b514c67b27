//! Redirects: `/old/{id}` to `/items/{id}`, to another host, or to another scheme.
//!
//! The target is a URL with the route's parameters in it. Each value is
//! percent-encoded for where it stands, so that no request can lead elsewhere than
//! the operator wrote: not to another host, path or parameter.

use std::fmt;

use http::header::LOCATION;
use http::{HeaderValue, Response, StatusCode, Uri};
use patchboard_pattern::url::{QUERY, SEGMENT};
use percent_encoding::{AsciiSet, percent_encode};

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
        let location =
            redirect.location(sample.into_iter(), None).ok_or_else(|| wrong("no host".to_owned()))?;
        let uri = location.split('#').next().unwrap_or_default();
        uri.parse::<Uri>().map_err(|error| wrong(error.to_string()))?;
        HeaderValue::try_from(&location).map_err(|error| wrong(error.to_string()))?;
        Ok(redirect)
    }

    /// The response to a request with these parameters and this query, which goes
    /// along unless the target has its own; 404 where a value cannot be in a host.
    pub fn response<'a>(
        &self,
        values: impl Iterator<Item = (&'a str, &'a [u8])>,
        query: Option<&str>,
    ) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        let location = self.location(values, query).and_then(|location| HeaderValue::try_from(location).ok());
        match location {
            Some(location) => {
                *response.status_mut() = self.status;
                response.headers_mut().insert(LOCATION, location);
            }
            None => *response.status_mut() = StatusCode::NOT_FOUND,
        }
        response
    }

    fn location<'a>(
        &self,
        values: impl Iterator<Item = (&'a str, &'a [u8])>,
        query: Option<&str>,
    ) -> Option<String> {
        let values: Vec<_> = values.collect();
        let mut location = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => location.push_str(text),
                Piece::Value { name, place } => {
                    let (_, value) = values.iter().find(|(known, _)| known == name)?;
                    let set = match place {
                        Place::Host => {
                            location.push_str(label(value)?);
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
        if let (Some(query), true) = (query, self.keeps_query) {
            location.extend(["?", query]);
        }
        Some(location)
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
    std::str::from_utf8(value).ok().filter(|_| value.iter().all(allowed))
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
        ] {
            let error = Redirect::parse(&route.parse().unwrap(), to, status).unwrap_err().to_string();
            assert!(error.contains(part), "{to}: {error}");
        }
    }
}
