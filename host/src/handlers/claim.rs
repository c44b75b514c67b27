//! The routes that a handler claims.

use std::sync::Arc;

use http::Method;

use crate::router::{MethodFilter, RoutePattern, Table};

/// The routes a handler claims.
pub type Routes = Vec<Claim>;

/// One route that a handler claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The name the handler knows it by.
    pub name: Arc<str>,
    /// Its method and pattern.
    pub route: RoutePattern,
    /// Which of the routes that the component declares it is.
    pub declared: Declared,
}

impl Claim {
    /// Holds the routes of a handler against each other, where the operator gives them.
    ///
    /// # Errors
    ///
    /// Names the first two that are not apart.
    pub(super) fn check(claims: &[Self]) -> Result<(), String> {
        let mut table = Table::default();
        for Self { route, .. } in claims {
            // Names may be equal: without one of its own, a route has that of its pattern, for each host.
            if let Some(conflict) = table.conflict(route, None) {
                return Err(format!(
                    "has the routes `{}` and `{route}`, which are not apart ({}); remove one, or give it another \
                     pattern",
                    conflict.holder.pattern, conflict.reason
                ));
            }
            table.insert(crate::router::Route::new(route.clone(), ()));
        }
        Ok(())
    }
}

/// The declared routes that a route stands for: none where the component declares none,
/// several where the operator gives those of a pattern another one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared(Arc<[(MethodFilter, u64)]>);

impl Declared {
    /// The id by which the component knows what answers this method.
    pub fn id(&self, method: &Method) -> Option<u64> {
        if let [(_, id)] = &*self.0 {
            return Some(*id);
        }
        let serves = |of: &&(MethodFilter, u64)| of.0.answers(method);
        let exact = |of: &&(MethodFilter, u64)| of.0.as_str() == method.as_str();
        let found = self.0.iter().find(exact).or_else(|| self.0.iter().find(serves));
        found.or_else(|| self.0.first()).map(|(_, id)| *id)
    }
}

/// A route as a component declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Declaration {
    pub(super) name: Arc<str>,
    pub(super) route: RoutePattern,
    pub(super) id: u64,
}

impl Declaration {
    /// The route that it claims where the operator gives it no other.
    pub(super) fn claim(&self) -> Claim {
        let Self { name, route, .. } = self.clone();
        Claim { name, route, declared: Self::all([self]) }
    }

    fn all<'a>(declarations: impl IntoIterator<Item = &'a Self>) -> Declared {
        Declared(declarations.into_iter().map(|of| (of.route.method.clone(), of.id)).collect())
    }

    /// What a route of the operator's called `name` stands for: the declared ones of that
    /// name, else those of that pattern, else the only one.
    ///
    /// # Errors
    ///
    /// If it is none of them.
    pub(super) fn find(declarations: &[Self], name: &str, route: &RoutePattern) -> Result<Declared, String> {
        let mut found: Vec<_> = declarations.iter().filter(|of| &*of.name == name).collect();
        if found.is_empty() {
            let same = |of: &&Self| of.route.pattern == route.pattern && of.route.method.meets(&route.method);
            found = declarations.iter().filter(same).collect();
        }
        match (found.is_empty(), declarations) {
            (false, _) => Ok(Self::all(found)),
            (true, [] | [_]) => Ok(Self::all(declarations)),
            (true, _) => {
                let names: Vec<_> = declarations.iter().map(|of| &*of.name).collect();
                Err(format!(
                    "the route `{route}` is none that it declares; name the one it stands for: {}",
                    names.join(", ")
                ))
            }
        }
    }

    /// Holds the declarations of a component against each other: who has an id, a name or a
    /// route has it alone. A name may have several methods at one pattern.
    ///
    /// # Errors
    ///
    /// Names the first two that are not apart.
    pub(super) fn check(declarations: &[Self]) -> Result<(), String> {
        let mut table = Table::default();
        for (at, this) in declarations.iter().enumerate() {
            let before = declarations.iter().take(at);
            if let Some(other) = before.clone().find(|other| other.id == this.id) {
                return Err(format!(
                    "declares `{}` and `{}` with one id ({}); rename one of them, or build it anew",
                    other.route, this.route, this.id
                ));
            }
            if let Some(conflict) = table.conflict(&this.route, Some(&this.name)) {
                return Err(format!(
                    "declares the routes `{}` ({}) and `{}` ({}), which are not apart ({}); \
                     give one of them another pattern or name",
                    conflict.holder.pattern, conflict.holder.target, this.route, this.name, conflict.reason
                ));
            }
            let route = crate::router::Route::new(this.route.clone(), this.name.clone());
            table.insert(route.named(&*this.name));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::Pattern;

    fn declared(id: u64, name: &str, method: &str, pattern: &str) -> Declaration {
        let route = route(method, pattern);
        Declaration { name: name.into(), route, id }
    }

    fn route(method: &str, pattern: &str) -> RoutePattern {
        RoutePattern::new(MethodFilter::parse(method).unwrap(), Pattern::parse(pattern).unwrap())
    }

    #[test]
    fn a_component_keeps_its_routes_apart() {
        let list = |id| declared(id, "list", "GET", "/a");
        for (other, part) in [
            (declared(2, "add", "POST", "/a"), None),
            // A name may have several methods at one pattern.
            (declared(2, "list", "POST", "/a"), None),
            (declared(1, "add", "POST", "/a"), Some("with one id (1)")),
            (declared(2, "list", "GET", "/b"), Some("`list`")),
            (declared(2, "other", "GET", "/a"), Some("not apart")),
            (declared(2, "other", "*", "/a"), None),
            (declared(2, "other", "HEAD", "/a"), None),
        ] {
            match (Declaration::check(&[list(1), other.clone()]), part) {
                (Ok(()), None) => {}
                (Err(error), Some(part)) => assert!(error.contains(part), "{error}"),
                (found, _) => panic!("{other:?}: {found:?}"),
            }
        }
    }

    #[test]
    fn overlapping_routes_are_refused_with_a_request_that_both_match() {
        let [one, other] = [declared(1, "a", "GET", "/{x:[ab]+}"), declared(2, "b", "GET", "/{x:[bc]+}")];
        let error = Declaration::check(&[one, other]).unwrap_err();
        assert!(error.contains("/b"), "{error}");
    }

    #[test]
    fn a_route_of_the_operators_stands_for_a_declared_one() {
        let all = [
            declared(1, "list", "GET", "/a"),
            declared(2, "list", "POST", "/a"),
            declared(3, "show", "GET", "/a/{id}"),
        ];
        let id = |name: &str, method: &str, pattern: &str, of: Method| {
            Declaration::find(&all, name, &route(method, pattern)).map(|declared| declared.id(&of))
        };
        // By the name, whatever method and pattern it is given.
        assert_eq!(id("list", "*", "/elsewhere", Method::GET), Ok(Some(1)));
        assert_eq!(id("list", "*", "/elsewhere", Method::HEAD), Ok(Some(1)));
        assert_eq!(id("list", "*", "/elsewhere", Method::POST), Ok(Some(2)));
        assert_eq!(id("show", "PUT", "/x", Method::PUT), Ok(Some(3)));
        // By the pattern.
        assert_eq!(id("/a/{id}", "GET", "/a/{id}", Method::GET), Ok(Some(3)));
        // By nothing.
        let error = id("other", "GET", "/other", Method::GET).unwrap_err();
        assert!(error.contains("name the one it stands for: list, list, show"), "{error}");
        // The only one is meant by everything, and where there is none, none is.
        let find = |all: &[Declaration]| Declaration::find(all, "x", &route("GET", "/x"));
        assert_eq!(find(&all[2..]).unwrap().id(&Method::GET), Some(3));
        assert_eq!(find(&[]).unwrap().id(&Method::GET), None);
    }
}
