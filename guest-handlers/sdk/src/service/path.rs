//! Path parameters for axum's own extractors.
//!
//! The host has matched the path already, by patterns that may say more than
//! axum's can. But `Path`, `RawPathParams` and `MatchedPath` read request
//! extensions whose types are private to axum and which only its `Router` makes.
//! So a router with this one pattern is asked to match a path made for the
//! purpose, from the pattern and the percent-encoded parameters; the extensions
//! it makes are taken over, and the request itself never passes through it.
//!
//! An empty parameter (a tail that matched nothing) cannot be had from axum's
//! router and is left out: a handler takes `Option<Path<…>>`, or reads
//! `Route::parameters`; with a plain `Path` the answer is 404, as axum's own.

use axum::Router;
use axum::body::Body;
use axum::extract::{OriginalUri, Request};
use axum::response::Response;
use axum::routing::any;
use futures_util::FutureExt as _;
use http::{Extensions, Uri};
use patchboard_pattern::url::{RESERVED, segment};
use patchboard_pattern::{Part, Pattern, Segment};
use percent_encoding::utf8_percent_encode;
use std::cell::RefCell;
use tower_service::Service as _;

/// A parameter, name and value.
type Parameter = (String, String);

/// How many patterns are remembered. A component has a few; only a host that
/// makes up patterns, call by call, would reach this.
const CACHED_PATTERNS: usize = 64;

/// The extensions that axum's extractors need, for a path that has matched
/// `pattern` with these parameters.
pub(super) fn extensions(pattern: &str, parameters: &[Parameter]) -> Extensions {
    thread_local! {
        static CACHE: RefCell<Vec<(String, Matcher)>> = const { RefCell::new(Vec::new()) };
    }
    if parameters.iter().any(|(_, value)| value.is_empty()) {
        let parameters: Vec<_> = parameters.iter().filter(|(_, value)| !value.is_empty()).cloned().collect();
        return Matcher::new(pattern, &parameters).extensions(&parameters);
    }
    CACHE.with_borrow_mut(|cache| {
        if let Some((_, matcher)) = cache.iter().find(|(cached, _)| cached == pattern) {
            return matcher.extensions(parameters);
        }
        let matcher = Matcher::new(pattern, parameters);
        let extensions = matcher.extensions(parameters);
        if cache.len() == CACHED_PATTERNS {
            cache.clear();
        }
        cache.push((pattern.to_owned(), matcher));
        extensions
    })
}

/// What is known of a pattern once and for all.
enum Matcher {
    /// Without parameters the extensions are the same every time.
    Fixed(Extensions),
    Parameters {
        router: Router,
        path: Vec<Piece>,
    },
}

/// A piece of the path that a [`Matcher`]'s router is asked to match.
#[derive(Debug, PartialEq)]
enum Piece {
    /// `/` and a literal, percent-encoded.
    Literal(String),
    /// `/` and the value of the next parameter.
    Value,
}

impl Matcher {
    fn new(pattern: &str, parameters: &[Parameter]) -> Self {
        let (pattern, path) = plan(pattern, parameters);
        let router = Router::new().without_v07_checks().route(&pattern, any(give_back));
        if parameters.is_empty() {
            Self::Fixed(run(&router, &canonical_path(&path, parameters)))
        } else {
            Self::Parameters { router, path }
        }
    }

    fn extensions(&self, parameters: &[Parameter]) -> Extensions {
        match self {
            Self::Fixed(extensions) => extensions.clone(),
            Self::Parameters { router, path } => run(router, &canonical_path(path, parameters)),
        }
    }
}

/// The pattern to give to axum's router, and the pieces of a path that matches it.
///
/// Where the pattern has segments that axum's grammar lacks (several parameters in
/// one, say), or is of a grammar that this crate does not know, it is made of the
/// parameters alone: `/{a}/{b}`.
fn plan(pattern: &str, parameters: &[Parameter]) -> (String, Vec<Piece>) {
    let known = |name: &str| parameters.iter().any(|(known, _)| known == name);
    let pattern = Pattern::parse(pattern).ok();
    let mut places = pattern.as_ref().and_then(Place::all);
    if let Some(places) = &mut places {
        places.retain(|place| place.name().is_none_or(known));
    }
    let names = || parameters.iter().map(|(name, _)| name.as_str());
    let mut places = places
        .filter(|places| places.iter().filter_map(Place::name).eq(names()))
        .unwrap_or_else(|| names().map(Place::Parameter).collect());
    if places.is_empty() {
        places.push(Place::Literal(""));
    }

    let mut written = String::new();
    let mut path = Vec::with_capacity(places.len());
    for place in places {
        let start = written.len();
        place.write(&mut written);
        path.push(match place {
            Place::Literal(_) => Piece::Literal(written[start..].to_owned()),
            Place::Parameter(_) | Place::Tail(_) => Piece::Value,
        });
    }
    (written, path)
}

/// A segment that axum's router has, too.
enum Place<'a> {
    Literal(&'a str),
    Parameter(&'a str),
    Tail(&'a str),
}

impl<'a> Place<'a> {
    /// Those of a whole pattern, if axum's router has them all.
    fn all(pattern: &'a Pattern) -> Option<Vec<Self>> {
        let tail = pattern.tail.iter().map(|name| Some(Self::Tail(name)));
        pattern.segments.iter().map(Self::of).chain(tail).collect()
    }

    fn of(segment: &'a Segment) -> Option<Self> {
        match segment {
            Segment::Literal(text) => Some(Self::Literal(text)),
            Segment::Plain(name) => Some(Self::Parameter(name)),
            Segment::Shape(parts) => match parts.as_slice() {
                [Part::Parameter(name, _)] => Some(Self::Parameter(name)),
                _ => None,
            },
        }
    }

    fn name(&self) -> Option<&'a str> {
        match self {
            Self::Literal(_) => None,
            Self::Parameter(name) | Self::Tail(name) => Some(name),
        }
    }

    /// A literal is percent-encoded, since axum matches paths as they were sent.
    fn write(&self, pattern: &mut String) {
        pattern.push('/');
        match self {
            Self::Literal(text) => pattern.extend(segment(text)),
            Self::Parameter(name) => pattern.extend(["{", name, "}"]),
            Self::Tail(name) => pattern.extend(["{*", name, "}"]),
        }
    }
}

/// A path that matches: `pieces`, with everything in a value percent-encoded that
/// could end a segment or the path, `/` in a tail included (axum decodes it).
fn canonical_path(pieces: &[Piece], parameters: &[Parameter]) -> String {
    let mut values = parameters.iter().map(|(_, value)| value);
    let mut path = String::new();
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => path.push_str(literal),
            Piece::Value => {
                path.push('/');
                path.extend(values.next().into_iter().flat_map(|value| utf8_percent_encode(value, RESERVED)));
            }
        }
    }
    path
}

/// Asks `router` to match `path` and takes the extensions it has set.
fn run(router: &Router, path: &str) -> Extensions {
    let Ok(uri) = Uri::try_from(path) else {
        return Extensions::new();
    };
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = uri;
    // Nothing in there waits, so the response is there at once.
    let mut extensions = match router.clone().call(request).now_or_never() {
        Some(Ok(mut response)) => std::mem::take(response.extensions_mut()),
        None => Extensions::new(),
    };
    // The URI that the client sent is another; `OriginalUri` falls back to it.
    extensions.remove::<OriginalUri>();
    extensions
}

/// The route of every [`Matcher`]: answers with the extensions of the request.
async fn give_back(request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let mut response = Response::default();
    *response.extensions_mut() = parts.extensions;
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::extract::{FromRequestParts, MatchedPath, Path, RawPathParams};
    use http::request::Parts;

    fn parameters(pairs: &[(&str, &str)]) -> Vec<Parameter> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn parts(pattern: &str, pairs: &[(&str, &str)]) -> Parts {
        let mut request = Request::new(());
        *request.uri_mut() = Uri::from_static("/as/sent?by=client");
        request.extensions_mut().extend(extensions(pattern, &parameters(pairs)));
        request.into_parts().0
    }

    fn extract<T: FromRequestParts<()>>(parts: &mut Parts) -> Option<T> {
        T::from_request_parts(parts, &()).now_or_never()?.ok()
    }

    #[test]
    fn axum_sees_what_the_host_matched() {
        for (pattern, pairs) in [
            ("/", &[][..]),
            ("/static/x", &[]),
            ("/demo1/{name}", &[("name", "demo2")]),
            ("/{a}/x/{b}/", &[("a", "1"), ("b", "2")]),
            ("/files/{*rest}", &[("rest", "a/b c/ü?#%2F")]),
            ("/{x}", &[("x", "/")]),
            ("/{x}", &[("x", "..")]),
            ("/{id:int}", &[("id", "42")]),
            ("/{id:[0-9]{4}/[a-z]}/x", &[("id", "2024/b")]),
            ("/{y}-{m}/{d}", &[("y", "24"), ("m", "12"), ("d", "31")]),
            ("/img-{id}.png", &[("id", "7")]),
            (":weird*/a b/{x}", &[("x", "y")]),
        ] {
            let mut parts = parts(pattern, pairs);
            let seen: RawPathParams = extract(&mut parts).unwrap();
            let seen: Vec<_> = seen.iter().collect();
            assert_eq!(seen, pairs, "{pattern}");
            let Path(values) = extract::<Path<Vec<String>>>(&mut parts).unwrap();
            assert!(values.iter().eq(pairs.iter().map(|(_, value)| value)), "{pattern}");
        }
    }

    #[test]
    fn the_uri_stays_that_of_the_client() {
        let mut parts = parts("/demo1/{name}", &[("name", "x")]);
        assert_eq!(parts.uri, "/as/sent?by=client");
        let OriginalUri(uri) = extract(&mut parts).unwrap();
        assert_eq!(uri, "/as/sent?by=client");
    }

    #[test]
    fn the_matched_path_is_the_pattern() {
        for (pattern, pairs) in [("/a/b", &[][..]), ("/demo1/{name}", &[("name", "x")])] {
            let matched: MatchedPath = extract(&mut parts(pattern, pairs)).unwrap();
            assert_eq!(matched.as_str(), pattern);
        }
    }

    #[test]
    fn an_empty_parameter_is_left_out() {
        let mut parts = parts("/files/{*rest}", &[("rest", "")]);
        assert!(extract::<Path<String>>(&mut parts).is_none());
        let optional: Option<Path<String>> = extract(&mut parts).unwrap();
        assert!(optional.is_none());
    }

    #[test]
    fn more_patterns_than_are_remembered() {
        for round in 0..3 {
            for index in 0..CACHED_PATTERNS + 1 {
                let value = format!("{round}-{index}");
                let mut parts = parts(&format!("/{index}/{{x}}"), &[("x", &value)]);
                assert_eq!(extract::<Path<String>>(&mut parts).unwrap().0, value);
            }
        }
    }

    #[test]
    fn canonical_paths() {
        let parameters = parameters(&[("a", "x/y"), ("b", "ü &")]);
        let (pattern, pieces) = plan("/s p/{a}/{*b}", &parameters);
        assert_eq!(pattern, "/s%20p/{a}/{*b}");
        assert_eq!(canonical_path(&pieces, &parameters), "/s%20p/x%2Fy/%C3%BC%20%26");
    }
}
