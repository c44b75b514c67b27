//! What is served at one moment: the route table with its targets.
//!
//! A [`Site`] never changes; a new one replaces it ([`Current`]), and requests
//! under way keep the one they started with.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::handlers::{Claim, Handler, MatchedRoute, Routes};
use crate::router::{MethodFilter, Pattern, RoutePattern, Table};
use crate::static_files::Mount;

/// The routes of one moment.
#[derive(Debug, Default)]
pub struct Site {
    table: Table<Target>,
}

/// What answers a route.
#[derive(Debug)]
pub enum Target {
    /// A handler.
    Handler {
        /// Its version.
        handler: Arc<Handler>,
        /// The name of the route.
        name: String,
    },
    /// A static mount.
    Mount(Arc<Mount>),
    /// A handler that could not be loaded: 503.
    Unavailable {
        /// Its name.
        handler: String,
    },
}

/// The site that new requests see.
pub type Current = ArcSwap<Site>;

/// A route that somebody else holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("claims the route `{route}`, which {holder} has as `{pattern}`; give one of them another route")]
pub struct Taken {
    route: String,
    pattern: String,
    holder: String,
}

impl Target {
    fn describe(&self) -> String {
        match self {
            Self::Handler { handler, .. } => format!("handler {}", handler.name()),
            Self::Mount(mount) => format!("static mount `{}/`", mount.prefix()),
            Self::Unavailable { handler } => format!("handler {handler}"),
        }
    }
}

impl Site {
    /// The table to search.
    pub fn table(&self) -> &Table<Target> {
        &self.table
    }

    /// Adds a mount. A prefix that is taken is refused.
    ///
    /// # Errors
    ///
    /// Names the mount that has the prefix.
    pub fn mount(&mut self, mount: &Arc<Mount>) -> Result<(), Taken> {
        let method = MethodFilter::One(http::Method::GET);
        let below = RoutePattern { method: method.clone(), pattern: Pattern::below(mount.prefix()) };
        self.free(&below)?;
        self.table.insert(below, Target::Mount(mount.clone()));
        // The prefix itself, without its slash, is redirected by the mount.
        if let Ok(pattern) = Pattern::parse(mount.prefix()) {
            let bare = RoutePattern { method, pattern };
            if self.free(&bare).is_ok() {
                self.table.insert(bare, Target::Mount(mount.clone()));
            }
        }
        Ok(())
    }

    /// Adds all of a handler's routes, or none of them.
    ///
    /// # Errors
    ///
    /// The first route that is taken, and by whom.
    pub fn handler(&mut self, handler: &Arc<Handler>) -> Result<(), Taken> {
        handler.routes().iter().try_for_each(|claim| self.free(&claim.route))?;
        for Claim { name, route } in handler.routes() {
            let target = Target::Handler { handler: handler.clone(), name: name.clone() };
            self.table.insert(route.clone(), target);
        }
        Ok(())
    }

    /// Lets those of `routes` that are free answer 503.
    pub fn unavailable(&mut self, handler: &str, routes: &Routes) {
        for Claim { route, .. } in routes {
            if self.free(route).is_ok() {
                self.table.insert(route.clone(), Target::Unavailable { handler: handler.to_owned() });
            }
        }
    }

    fn free(&self, route: &RoutePattern) -> Result<(), Taken> {
        match self.table.conflict(route) {
            None => Ok(()),
            Some(conflict) => Err(Taken {
                route: route.to_string(),
                pattern: conflict.pattern.as_str().to_owned(),
                holder: conflict.holder.describe(),
            }),
        }
    }
}

impl Target {
    /// The route as the handler is told of it.
    pub fn matched_route(name: &str, found: &crate::router::Match<'_, '_, Self>) -> MatchedRoute {
        MatchedRoute {
            name: name.to_owned(),
            pattern: found.pattern.as_str().to_owned(),
            parameters: found.parameters(),
        }
    }
}
