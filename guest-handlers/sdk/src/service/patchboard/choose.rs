//! Which of the component's routes the host means. Pure.

use crate::registry::RouteEntry;
use http::Method;

/// The route for a call that the host has matched to a route called `name` with
/// `pattern`: the one of that name; where the operator's configuration has given
/// it another, the one with that pattern; where both are changed, the only one.
/// Among several of a name or pattern the one for `method` goes first.
pub(super) fn choose<'a>(
    routes: impl Iterator<Item = &'a RouteEntry> + Clone,
    name: &str,
    pattern: &str,
    method: &Method,
) -> Option<&'a RouteEntry> {
    let mut named = routes.clone().filter(|route| route.name == name);
    if let Some(first) = named.next() {
        let mut candidates = std::iter::once(first).chain(named);
        return Some(candidates.find(|route| route.serves(method)).unwrap_or(first));
    }
    routes.clone().find(|route| route.pattern == pattern && route.serves(method)).or_else(|| {
        let mut routes = routes;
        let only = routes.next()?;
        routes.next().is_none().then_some(only)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wants::Wants;
    use axum::response::Response;

    fn entry(method: &'static str, pattern: &'static str, name: &'static str) -> RouteEntry {
        RouteEntry {
            method,
            pattern,
            name,
            wants: || Wants::Nothing,
            call: |_| Box::pin(async { Response::default() }),
        }
    }

    #[test]
    fn a_call_finds_its_route() {
        let routes = [
            entry("GET", "/a", "a"),
            entry("POST", "/a", "add"),
            entry("GET", "/x", "same"),
            entry("PUT", "/x", "same"),
        ];
        let check = |name, pattern, method, expected: Option<usize>| {
            let found = choose(routes.iter(), name, pattern, &method);
            assert_eq!(
                found.map(|route| (route.method, route.pattern)),
                expected.map(|index| (routes[index].method, routes[index].pattern)),
                "{name} {pattern} {method}"
            );
        };
        // The name decides, whatever pattern and method the operator gave it.
        check("add", "/other", Method::POST, Some(1));
        check("a", "/a", Method::POST, Some(0));
        // Of two with one name, the one for the method.
        check("same", "/x", Method::PUT, Some(3));
        check("same", "/x", Method::HEAD, Some(2));
        check("same", "/x", Method::DELETE, Some(2));
        // An unknown name: pattern and method.
        check("renamed", "/a", Method::POST, Some(1));
        check("renamed", "/a", Method::HEAD, Some(0));
        check("renamed", "/a", Method::DELETE, None);
        check("renamed", "/b", Method::GET, None);
    }

    #[test]
    fn the_only_route_takes_every_call() {
        let routes = [entry("GET", "/a", "a")];
        let found = choose(routes.iter(), "renamed", "/elsewhere/{x}", &Method::POST);
        assert_eq!(found.map(|route| route.name), Some("a"));
        assert!(choose([].iter(), "a", "/a", &Method::GET).is_none());
    }
}
