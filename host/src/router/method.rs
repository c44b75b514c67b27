//! Which methods a route answers.

use std::collections::BTreeSet;

use http::Method;
use patchboard_pattern::{GrammarError, check_method};

/// A method that is not among these may be meant, but not one that is a slip of one.
const METHODS: [&str; 9] = ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];

/// Which methods a route answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MethodFilter {
    /// Every method.
    Any,
    /// This one; a route for GET also answers HEAD.
    One(Method),
}

impl MethodFilter {
    /// Parses a method in capitals, or `*` for every method.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(method: &str) -> Result<Self, GrammarError> {
        check_method(method)?;
        match method {
            "*" => Ok(Self::Any),
            _ => Method::from_bytes(method.as_bytes()).map(Self::One).map_err(|error| GrammarError {
                at: 0,
                wrong: error.to_string(),
                remedy: String::new(),
            }),
        }
    }

    /// The method, or `*`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Any => "*",
            Self::One(method) => method.as_str(),
        }
    }

    /// Says which method was meant by one that nobody knows and that is a slip of one.
    pub fn slip(&self) -> Option<String> {
        let method = self.as_str();
        let known = METHODS.contains(&method) || *self == Self::Any;
        let slips = |known: &&&str| strsim::damerau_levenshtein(known, method) <= 1;
        let meant = METHODS.iter().find(slips).filter(|_| !known)?;
        Some(format!("unknown method {method}; did you mean {meant}?"))
    }

    /// Whether a request with `method` is answered.
    pub(crate) fn answers(&self, method: &Method) -> bool {
        match self {
            Self::Any => true,
            Self::One(one) => one == method || (*method == Method::HEAD && *one == Method::GET),
        }
    }

    /// Whether some method is answered by both.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::One(one), Self::One(two)) => {
                one == two || [(one, two), (two, one)].contains(&(&Method::GET, &Method::HEAD))
            }
            _ => true,
        }
    }
}

/// The routes of one place, by method.
#[derive(Debug, Default)]
pub(super) struct Methods {
    one: Vec<(Method, usize)>,
    any: Option<usize>,
}

impl Methods {
    /// Of two for one method the earlier stays.
    pub(super) fn insert(&mut self, method: &MethodFilter, route: usize) {
        match method {
            MethodFilter::Any => _ = self.any.get_or_insert(route),
            MethodFilter::One(method) if self.find(method).is_none() => {
                self.one.push((method.clone(), route))
            }
            MethodFilter::One(_) => {}
        }
    }

    /// The route for exactly this filter.
    pub(super) fn same(&self, filter: &MethodFilter) -> Option<usize> {
        match filter {
            MethodFilter::Any => self.any,
            MethodFilter::One(method) => self.find(method),
        }
    }

    /// The route that answers `method`: its own, for HEAD that of GET, then that of
    /// every method.
    pub(super) fn choose(&self, method: &Method) -> Option<usize> {
        self.find(method)
            .or_else(|| if *method == Method::HEAD { self.find(&Method::GET) } else { None })
            .or(self.any)
    }

    /// Every route, those for one method by name first.
    pub(super) fn all(&self) -> impl Iterator<Item = usize> {
        let mut one: Vec<_> = self.one.iter().collect();
        one.sort_by_key(|(method, _)| method.as_str());
        one.into_iter().map(|(_, route)| *route).chain(self.any)
    }

    fn find(&self, method: &Method) -> Option<usize> {
        self.one.iter().find(|(one, _)| one == method).map(|(_, route)| *route)
    }

    /// Adds what belongs in `Allow`. OPTIONS does, because the host answers it.
    pub(super) fn allow(&self, allow: &mut Allow) {
        for (method, _) in &self.one {
            allow.0.insert(method.as_str().to_owned());
            allow.0.insert("OPTIONS".to_owned());
            if *method == Method::GET {
                allow.0.insert("HEAD".to_owned());
            }
        }
    }
}

/// The methods of several places, sorted by name.
#[derive(Debug, Default)]
pub(super) struct Allow(BTreeSet<String>);

impl Allow {
    pub(super) fn into_methods(self) -> Vec<Method> {
        self.0.iter().filter_map(|name| name.parse().ok()).collect()
    }
}
