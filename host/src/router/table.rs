//! The table of routes: a tree by segments, and the search in it.

use std::borrow::Cow;
use std::collections::HashMap;

use http::Method;

use super::path::RequestPath;
use super::pattern::{MethodFilter, Pattern, RoutePattern, Segment};

/// Routes with their targets.
#[derive(Debug)]
pub struct Table<T> {
    root: Node<T>,
}

#[derive(Debug)]
struct Node<T> {
    literals: HashMap<Vec<u8>, Node<T>>,
    parameter: Option<Box<Node<T>>>,
    here: Vec<Entry<T>>,
    tail: Vec<Entry<T>>,
}

#[derive(Debug)]
struct Entry<T> {
    method: MethodFilter,
    pattern: Pattern,
    target: T,
}

/// A route that is already taken.
#[derive(Debug, PartialEq, Eq)]
pub struct Conflict<'t, T> {
    /// The target that holds it.
    pub holder: &'t T,
    /// The pattern under which it holds it.
    pub pattern: &'t Pattern,
}

/// What a search found.
#[derive(Debug)]
pub enum Find<'t, 'p, T> {
    /// This target.
    Found(Match<'t, 'p, T>),
    /// The path has routes, but none for this method: 405 with these in `Allow`.
    MethodNotAllowed(Vec<Method>),
    /// No route has this path: 404.
    NotFound,
}

/// A route that matched.
#[derive(Debug)]
pub struct Match<'t, 'p, T> {
    /// The target of the route.
    pub target: &'t T,
    /// The pattern of the route.
    pub pattern: &'t Pattern,
    values: Vec<&'p [u8]>,
    tail: Option<&'p [Cow<'p, [u8]>]>,
}

impl<T> Match<'_, '_, T> {
    /// Each parameter's name and decoded value, in the order of the pattern. A
    /// tail's value is its segments joined by `/`; bytes that are not UTF-8
    /// become U+FFFD.
    pub fn parameters(&self) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let values = self.values.iter().map(|value| text(value));
        let tail = self.tail.map(|segments| text(&segments.join(&b'/')));
        self.pattern.parameter_names().map(str::to_owned).zip(values.chain(tail)).collect()
    }

    /// The segments that the tail matched; empty where the pattern has none.
    pub fn tail(&self) -> &[Cow<'_, [u8]>] {
        self.tail.unwrap_or_default()
    }
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { literals: HashMap::new(), parameter: None, here: Vec::new(), tail: Vec::new() }
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { root: Node::default() }
    }
}

impl<T> Table<T> {
    /// The route that would tie with `route`, if there is one.
    pub fn conflict(&self, route: &RoutePattern) -> Option<Conflict<'_, T>> {
        let mut node = &self.root;
        for segment in &route.pattern.segments {
            node = match segment {
                Segment::Literal(text) => node.literals.get(text.as_bytes())?,
                Segment::Parameter(_) => node.parameter.as_deref()?,
            };
        }
        let entries = if route.pattern.tail.is_some() { &node.tail } else { &node.here };
        let entry = entries.iter().find(|entry| entry.method == route.method)?;
        Some(Conflict { holder: &entry.target, pattern: &entry.pattern })
    }

    /// Adds a route. The caller has asked for a [`Self::conflict`] first; of two
    /// that tie the earlier wins.
    pub fn insert(&mut self, route: RoutePattern, target: T) {
        let RoutePattern { method, pattern } = route;
        let mut node = &mut self.root;
        for segment in &pattern.segments {
            node = match segment {
                Segment::Literal(text) => node.literals.entry(text.clone().into_bytes()).or_default(),
                Segment::Parameter(_) => node.parameter.get_or_insert_default(),
            };
        }
        let entries = if pattern.tail.is_some() { &mut node.tail } else { &mut node.here };
        entries.push(Entry { method, pattern, target });
    }

    /// Finds the most specific route for `path` that answers `method`.
    pub fn find<'t, 'p>(&'t self, method: &Method, path: &'p RequestPath<'p>) -> Find<'t, 'p, T> {
        let mut search = Search { method, values: Vec::new(), allow: Vec::new() };
        match search.at(&self.root, path.segments()) {
            Some((entry, tail)) => Find::Found(Match {
                target: &entry.target,
                pattern: &entry.pattern,
                values: search.values,
                tail,
            }),
            None if search.allow.is_empty() => Find::NotFound,
            None => Find::MethodNotAllowed(search.allow),
        }
    }
}

struct Search<'m, 'p> {
    method: &'m Method,
    values: Vec<&'p [u8]>,
    allow: Vec<Method>,
}

type Leaf<'t, 'p, T> = (&'t Entry<T>, Option<&'p [Cow<'p, [u8]>]>);

impl<'p> Search<'_, 'p> {
    /// Depth is bounded by the longest pattern, not by the path.
    fn at<'t, T>(&mut self, node: &'t Node<T>, rest: &'p [Cow<'p, [u8]>]) -> Option<Leaf<'t, 'p, T>> {
        let found = match rest.split_first() {
            None => self.choose(&node.here).map(|entry| (entry, None)),
            Some((segment, rest)) => {
                let literal = node.literals.get(segment.as_ref());
                literal.and_then(|node| self.at(node, rest)).or_else(|| {
                    let node = node.parameter.as_deref().filter(|_| !segment.is_empty())?;
                    self.values.push(segment);
                    let found = self.at(node, rest);
                    if found.is_none() {
                        self.values.pop();
                    }
                    found
                })
            }
        };
        // A tail stands for at least the slash before it.
        found.or_else(|| {
            (!rest.is_empty()).then(|| self.choose(&node.tail)).flatten().map(|entry| (entry, Some(rest)))
        })
    }

    fn choose<'t, T>(&mut self, entries: &'t [Entry<T>]) -> Option<&'t Entry<T>> {
        let answers = |wanted: &Method| {
            entries.iter().find(|e| matches!(&e.method, MethodFilter::One(one) if one == wanted))
        };
        let found = answers(self.method)
            .or_else(|| if *self.method == Method::HEAD { answers(&Method::GET) } else { None })
            .or_else(|| entries.iter().find(|e| e.method == MethodFilter::Any));
        if found.is_none() {
            for entry in entries {
                if let MethodFilter::One(method) = &entry.method {
                    self.allow(method.clone());
                    if *method == Method::GET {
                        self.allow(Method::HEAD);
                    }
                    self.allow(Method::OPTIONS);
                }
            }
        }
        found
    }

    fn allow(&mut self, method: Method) {
        if !self.allow.contains(&method) {
            self.allow.push(method);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(routes: &[&str]) -> Table<String> {
        let mut table = Table::default();
        for route in routes {
            table.insert(route.parse().unwrap(), (*route).to_owned());
        }
        table
    }

    #[track_caller]
    fn check(table: &Table<String>, request: &str, expected: &str) {
        let (method, path) = request.split_once(' ').unwrap();
        let path = RequestPath::parse(path).unwrap();
        let found = match table.find(&method.parse().unwrap(), &path) {
            Find::Found(found) => {
                let mut text = found.target.clone();
                for (name, value) in found.parameters() {
                    text.push_str(&format!(" {name}={value}"));
                }
                text
            }
            Find::MethodNotAllowed(allow) => format!("405 {allow:?}"),
            Find::NotFound => "404".to_owned(),
        };
        assert_eq!(found, expected, "{request}");
    }

    #[test]
    fn specificity_decides_not_order() {
        let table = table(&["GET /{*all}", "GET /{a}", "GET /x", "GET /x/{b}", "GET /{a}/y", "/x/{*rest}"]);
        check(&table, "GET /x", "GET /x");
        check(&table, "GET /z", "GET /{a} a=z");
        check(&table, "GET /x/1", "GET /x/{b} b=1");
        check(&table, "GET /x/1/2", "/x/{*rest} rest=1/2");
        check(&table, "GET /q/y", "GET /{a}/y a=q");
        check(&table, "GET /q/r", "GET /{*all} all=q/r");
        check(&table, "GET /", "GET /{*all} all=");
        check(&table, "GET /x/", "/x/{*rest} rest=");
    }

    #[test]
    fn backtracks_without_leaving_values_behind() {
        let table = table(&["GET /{a}/b/c", "GET /a/{x}/d", "GET /{p}/{q}/{r}"]);
        check(&table, "GET /a/b/c", "GET /{a}/b/c a=a");
        check(&table, "GET /a/b/d", "GET /a/{x}/d x=b");
        check(&table, "GET /a/b/e", "GET /{p}/{q}/{r} p=a q=b r=e");
    }

    #[test]
    fn a_parameter_is_never_empty_and_slashes_are_strict() {
        let table = table(&["GET /a", "GET /p/{name}"]);
        check(&table, "GET /a/", "404");
        check(&table, "GET /p/", "404");
        check(&table, "GET /p/%2F", "GET /p/{name} name=/");
    }

    #[test]
    fn head_follows_get_and_405_lists_methods() {
        let table = table(&["GET /a", "POST /a", "PUT /b"]);
        check(&table, "HEAD /a", "GET /a");
        check(&table, "DELETE /a", "405 [GET, HEAD, OPTIONS, POST]");
        check(&table, "HEAD /b", "405 [PUT, OPTIONS]");
    }

    #[test]
    fn a_less_specific_pattern_may_answer_another_method() {
        let table = table(&["GET /a", "POST /{x}"]);
        check(&table, "POST /a", "POST /{x} x=a");
    }

    #[test]
    fn ties_are_found_whatever_the_names() {
        let table = table(&["GET /a/{x}", "GET /t/{*y}"]);
        assert!(table.conflict(&"GET /a/{z}".parse().unwrap()).is_some());
        assert!(table.conflict(&"GET /t/{*z}".parse().unwrap()).is_some());
        assert!(table.conflict(&"POST /a/{z}".parse().unwrap()).is_none());
        assert!(table.conflict(&"/a/{z}".parse().unwrap()).is_none());
        assert!(table.conflict(&"GET /a/b".parse().unwrap()).is_none());
    }
}
