//! The table of routes: insertion, ties, and the search.
//!
//! Hosts and paths are two levels of one tree: each host pattern has a tree of
//! paths. A more specific host that has no route for the path is passed over; one
//! that has, but not for the method, is not.

use std::collections::HashMap;
use std::fmt;

use http::Method;
use patchboard_pattern::url::segment;
use smallvec::SmallVec;

use super::Captures;
use super::host::{HostPattern, RequestHost};
use super::method::{Allow, Methods};
use super::path::RequestPath;
use super::redirect::{Slashes, alternatives};
use super::route::{Route, RoutePattern};
use super::ties::{Rival, sample};
use super::tree::Tree;
use super::url::{Url, UrlError};

/// Routes with their targets.
#[derive(Debug)]
pub struct Table<T> {
    routes: Vec<Route<T>>,
    any: Tree<Methods>,
    hosts: Tree<Tree<Methods>>,
    named: HashMap<String, usize>,
    redirects: bool,
}

/// A route that cannot be inserted, since another one holds what it claims.
#[derive(Debug)]
pub struct Conflict<'t, T> {
    /// The route that is there.
    pub holder: &'t Route<T>,
    /// What both claim.
    pub reason: TieReason,
}

/// What two routes both claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TieReason {
    /// They differ in the names of their parameters at most.
    Same,
    /// Neither is more specific; this host and path, where one is known, matches both.
    Overlap(Option<String>),
    /// The name, for another host or path.
    Name(String),
    /// There are too many different shapes at one place already.
    Full,
}

impl TieReason {
    /// The reason among paths, with an example of the host they are under.
    fn under(self, host: &HostPattern) -> Self {
        let Self::Overlap(Some(path)) = self else { return self };
        let tail = host.tail.iter().map(|_| Some(String::new()));
        let labels: Vec<_> = host.labels.iter().map(sample).chain(tail).collect();
        Self::Overlap(host_of(&labels).map(|host| host + &path))
    }
}

impl fmt::Display for TieReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => f.write_str("both match the same requests"),
            Self::Overlap(Some(path)) => write!(f, "both match `{path}`, and neither is more specific"),
            Self::Overlap(None) => f.write_str("both can match the same path, and neither is more specific"),
            Self::Name(name) => write!(f, "both are named `{name}`"),
            Self::Full => {
                f.write_str("there are too many different parameters with types or regexes at one place")
            }
        }
    }
}

/// What a search found.
#[derive(Debug)]
pub enum Find<'t, 'p, T> {
    /// This route.
    Found(Match<'t, 'p, T>),
    /// The path has routes, but none for this method: 405 (204 for OPTIONS) with
    /// these in `Allow`, sorted by name.
    MethodNotAllowed(Vec<Method>),
    /// Only slashes keep the path from a route: 308 to this one, percent-encoded, to
    /// which the caller adds the query.
    Redirect(String),
    /// No route has this path: 404.
    NotFound,
}

/// A route that matched.
#[derive(Debug)]
pub struct Match<'t, 'p, T> {
    /// The route.
    pub route: &'t Route<T>,
    captures: Captures<'p>,
    path: &'p RequestPath<'p>,
    tail: Option<usize>,
}

impl<'t, 'p, T> Match<'t, 'p, T> {
    /// The target of the route.
    pub fn target(&self) -> &'t T {
        &self.route.target
    }

    /// Each parameter's name and decoded value, those of the host first, in the
    /// order of the pattern. A tail's value is its segments joined by `/`; bytes
    /// that are not UTF-8 become U+FFFD.
    pub fn parameters(&self) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.values().map(|(name, value)| (name.to_owned(), text(value))).collect()
    }

    /// Each parameter's name and decoded bytes, in the same order.
    pub fn values(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.route.pattern.name_values(&self.captures)
    }

    /// The segments that the tail matched; empty where the pattern has none.
    pub fn tail(&self) -> SmallVec<[&'p [u8]; 16]> {
        self.tail.map_or_else(SmallVec::new, |at| self.path.segments_from(at).collect())
    }
}

/// A match: the route, and where its tail begins.
type Hit = (usize, Option<usize>);

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            routes: Vec::new(),
            any: Tree::default(),
            hosts: Tree::default(),
            named: HashMap::new(),
            redirects: false,
        }
    }
}

impl<T> Table<T> {
    /// The route that `pattern`, under `name`, would tie with, if there is one.
    pub fn conflict(&self, pattern: &RoutePattern, name: Option<&str>) -> Option<Conflict<'_, T>> {
        if let Some(name) = name
            && let Some(holder) = self.named(name)
            && (holder.pattern.host != pattern.host || holder.pattern.pattern != pattern.pattern)
        {
            return Some(Conflict { holder, reason: TieReason::Name(name.to_owned()) });
        }
        let RoutePattern { method, host, pattern: path } = pattern;
        let (segments, tail) = (path.segments.as_slice(), path.tail.is_some());
        let in_tree = |tree: &'_ Tree<Methods>| {
            tree.rivals(segments, tail, &mut |leaf, rival| match rival {
                Rival::Same => Some((leaf.same(method)?, TieReason::Same)),
                Rival::Tie(example) => Some((
                    leaf.all()
                        .find(|&at| self.routes.get(at).is_some_and(|r| r.pattern.method.meets(method)))?,
                    TieReason::Overlap(path_of(example)),
                )),
            })
        };
        let full = |tree: &Tree<Methods>| {
            tree.is_full(segments).then(|| (self.routes.len().saturating_sub(1), TieReason::Full))
        };
        let found = match host.is_any() {
            true => in_tree(&self.any).or_else(|| full(&self.any)),
            false => self
                .hosts
                .rivals(&host.labels, host.tail.is_some(), &mut |paths, rival| match rival {
                    Rival::Same => {
                        in_tree(paths).map(|(at, reason)| (at, reason.under(host))).or_else(|| full(paths))
                    }
                    // Either host may be asked first, and it then answers 405 itself.
                    Rival::Tie(labels) => paths.overlapping(segments, tail, &mut |leaf, example| {
                        let both = host_of(labels).zip(path_of(example)).map(|(host, path)| host + &path);
                        Some((leaf.all().next()?, TieReason::Overlap(both)))
                    }),
                })
                .or_else(|| {
                    let full = self.hosts.is_full(&host.labels);
                    full.then(|| (self.routes.len().saturating_sub(1), TieReason::Full))
                }),
        };
        let (at, reason) = found?;
        self.routes.get(at).map(|holder| Conflict { holder, reason })
    }

    /// Adds a route. The caller has asked for a [`Self::conflict`] first; of two at
    /// the same place, or of the same name, the earlier wins.
    pub fn insert(&mut self, route: Route<T>) {
        let at = self.routes.len();
        let RoutePattern { method, host, pattern } = &route.pattern;
        let paths = match host.is_any() {
            true => &mut self.any,
            false => self.hosts.leaf(&host.labels, host.tail.is_some()),
        };
        paths.leaf(&pattern.segments, pattern.tail.is_some()).insert(method, at);
        if let Some(name) = &route.name {
            self.named.entry(name.clone()).or_insert(at);
        }
        self.redirects |= route.slashes == Slashes::Redirect;
        self.routes.push(route);
    }

    /// Finds the most specific route for `host` and `path` that answers `method`.
    pub fn find<'t, 'p>(
        &'t self,
        method: &Method,
        host: &'p RequestHost<'p>,
        path: &'p RequestPath<'p>,
    ) -> Find<'t, 'p, T> {
        let mut path_matched = false;
        let mut captures = Captures::new();
        if let Some((route, tail)) = self.search(method, host, path, &mut captures, &mut path_matched)
            && let Some(route) = self.routes.get(route)
        {
            return Find::Found(Match { route, captures, path, tail });
        }
        if path_matched {
            return Find::MethodNotAllowed(self.allow(host, path));
        }
        match self.redirects.then(|| self.redirect(method, host, path)).flatten() {
            Some(location) => Find::Redirect(location),
            None => Find::NotFound,
        }
    }

    /// The first pass: allocates nothing but what long paths need.
    fn search<'p>(
        &self,
        method: &Method,
        host: &'p RequestHost<'_>,
        path: &'p RequestPath<'_>,
        captures: &mut Captures<'p>,
        path_matched: &mut bool,
    ) -> Option<Hit> {
        let mut choose = |leaf: &Methods, _: &mut Captures<'p>, tail: Option<usize>| {
            *path_matched = true;
            leaf.choose(method).map(|route| (route, tail))
        };
        if !self.hosts.is_empty() {
            let of_host = self.hosts.search(&host.labels(), captures, &mut |paths, captures, _| {
                let mut has_path = false;
                let hit = paths.search(&path, captures, &mut |leaf, captures, tail| {
                    has_path = true;
                    choose(leaf, captures, tail)
                });
                // Ends the search also where this host has the path, without the method.
                has_path.then_some(hit)
            });
            if let Some(hit) = of_host {
                return hit;
            }
        }
        self.any.search(&path, captures, &mut choose)
    }

    fn allow(&self, host: &RequestHost<'_>, path: &RequestPath<'_>) -> Vec<Method> {
        let mut allow = Allow::default();
        let mut collect = |paths: &Tree<Methods>| {
            let mut matched = false;
            let all: Option<()> = paths.search(&path, &mut Captures::new(), &mut |leaf, _, _| {
                matched = true;
                leaf.allow(&mut allow);
                None
            });
            all.is_none() && matched
        };
        let by_host = self
            .hosts
            .search(&host.labels(), &mut Captures::new(), &mut |paths, _, _| collect(paths).then_some(()));
        if by_host.is_none() {
            collect(&self.any);
        }
        allow.into_methods()
    }

    fn redirect(&self, method: &Method, host: &RequestHost<'_>, path: &RequestPath<'_>) -> Option<String> {
        alternatives(path.as_sent()).find(|location| {
            let Ok(path) = RequestPath::parse(location) else { return false };
            let hit = self.search(method, host, &path, &mut Captures::new(), &mut false);
            let route = hit.and_then(|(route, _)| self.routes.get(route));
            route.is_some_and(|route| route.slashes == Slashes::Redirect)
        })
    }

    /// The URL of the route of this name.
    ///
    /// # Errors
    ///
    /// If there is no such route, or `parameters` are not exactly its own, each of
    /// its type.
    pub fn url_for(&self, name: &str, parameters: &[(&str, &str)]) -> Result<Url, UrlError> {
        match self.named(name) {
            Some(route) => Url::build(&route.pattern, parameters),
            None => Err(UrlError::NoRoute { name: name.to_owned() }),
        }
    }

    /// The route of this name; of several, the first.
    pub fn named(&self, name: &str) -> Option<&Route<T>> {
        self.named.get(name).and_then(|&at| self.routes.get(at))
    }

    /// All routes, in the order of precedence; where none precedes, by text.
    pub fn routes(&self) -> impl Iterator<Item = &Route<T>> {
        let mut order = Vec::with_capacity(self.routes.len());
        let mut visit = |leaf: &Methods| order.extend(leaf.all());
        self.hosts.each(&mut |paths| paths.each(&mut visit));
        self.any.each(&mut visit);
        order.into_iter().filter_map(|at| self.routes.get(at))
    }
}

/// The path of these texts.
fn path_of(texts: &[Option<String>]) -> Option<String> {
    let mut path = String::new();
    for text in texts {
        path.push('/');
        path.extend(segment(text.as_deref()?));
    }
    Some(path)
}

/// The host of these labels, which come from the right. What a tail takes may be
/// nothing in a path, but is a label in a host.
fn host_of(labels: &[Option<String>]) -> Option<String> {
    let label = |label: &Option<String>| match label.as_deref() {
        Some("") => Some("x".to_owned()),
        label => label.map(str::to_owned),
    };
    let labels: Option<Vec<String>> = labels.iter().rev().map(label).collect();
    labels.map(|labels| labels.join("."))
}
