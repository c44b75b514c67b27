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

/// The declared routes that a route stands for: none where the component declares none,
/// several where the operator gives those of a pattern another one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared(Arc<[(MethodFilter, u64)]>);

impl Declared {
    /// The id by which the component knows what answers this method.
    pub fn id(&self, method: &Method) -> Option<u64> {
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
