//! What is served at one moment: the route table with its targets.
//!
//! A [`Site`] never changes; a new one replaces it ([`Current`]), and requests
//! under way keep the one they started with.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::answers::Answer;
use crate::compression::CompressionConfig;
use crate::config::AnswerConfig;
use crate::handlers::{Claim, Declared, Handler, MatchedRoute, Routes, Urls};
use crate::router::{Conflict, MethodFilter, Pattern, Route, RoutePattern, Slashes, Table, Url, UrlError};
use crate::static_files::Mount;

/// The routes of one moment.
#[derive(Debug, Default)]
pub struct Site {
    table: Table<Target>,
    slashes: Slashes,
}

/// What answers a route.
#[derive(Debug)]
pub enum Target {
    /// A handler.
    Handler {
        /// Its version.
        handler: Arc<Handler>,
        /// The name the handler knows the route by.
        name: Arc<str>,
        /// Which of the routes that its component declares it is.
        declared: Declared,
    },
    /// A static mount.
    Mount(Arc<Mount>),
    /// The host itself.
    Answer(Answer),
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
#[error("{wrong}")]
pub struct Taken {
    wrong: String,
    /// The holder, where it is a handler.
    pub(crate) handler: Option<String>,
}

impl Target {
    /// What an operator calls it.
    pub fn describe(&self) -> String {
        match self {
            Self::Handler { handler, .. } => {
                let instances = handler.most_instances().map(|most| match most {
                    1 => "1 instance".to_owned(),
                    most => format!("{most} instances"),
                });
                let wraps = handler.wraps().map(|name| format!("wrapped by {name}"));
                let remarks: Vec<_> = instances.into_iter().chain(wraps).collect();
                let remarks =
                    if remarks.is_empty() { String::new() } else { format!(" ({})", remarks.join(", ")) };
                format!("handler {}{remarks}", handler.name())
            }
            Self::Mount(mount) => format!("static mount `{}/`", mount.prefix()),
            Self::Answer(answer) => answer.to_string(),
            Self::Unavailable { handler } => format!("handler {handler}, which is not loaded"),
        }
    }

    /// Whether and how what it answers is compressed on the fly.
    pub fn compression(&self) -> Option<&CompressionConfig> {
        match self {
            Self::Handler { handler, .. } => handler.compression(),
            Self::Mount(mount) => mount.compression(),
            Self::Answer(_) | Self::Unavailable { .. } => None,
        }
    }

    /// The route as the handler is told of it.
    pub fn matched_route(
        name: &Arc<str>,
        id: Option<u64>,
        found: &crate::router::Match<'_, '_, Self>,
    ) -> Arc<MatchedRoute> {
        Arc::new(MatchedRoute {
            id,
            name: name.clone(),
            pattern: found.route.pattern.pattern.shared(),
            parameters: found.parameters(),
        })
    }
}

impl Urls for Current {
    fn url_for(&self, name: &str, parameters: &[(&str, &str)]) -> Result<Url, UrlError> {
        self.load().table.url_for(name, parameters)
    }

    fn static_url(&self, mount: &str, path: &str) -> Option<String> {
        match &self.load().table.named(mount)?.target {
            Target::Mount(mount) => Some(mount.static_url(path)),
            _ => None,
        }
    }
}

impl Site {
    /// A site without routes, whose handlers' routes treat slashes so.
    pub fn new(slashes: Slashes) -> Self {
        Self { table: Table::default(), slashes }
    }

    /// The table to search.
    pub fn table(&self) -> &Table<Target> {
        &self.table
    }

    /// Adds a route that the host answers itself.
    ///
    /// # Errors
    ///
    /// Names who has the route.
    pub fn answer(&mut self, config: &AnswerConfig) -> Result<(), Taken> {
        let AnswerConfig { route, name, answer } = config;
        self.free(route, name.as_deref())?;
        let route = Route::new(route.clone(), Target::Answer(answer.clone())).slashes(self.slashes);
        self.table.insert(Route { name: name.clone(), ..route });
        Ok(())
    }

    /// Adds a mount. A prefix that is taken is refused.
    ///
    /// # Errors
    ///
    /// Names the mount that has the prefix.
    pub fn mount(&mut self, mount: &Arc<Mount>) -> Result<(), Taken> {
        let of = |pattern| RoutePattern::new(MethodFilter::One(http::Method::GET), pattern);
        let any = |pattern| RoutePattern::new(MethodFilter::Any, pattern);
        let route = |pattern| {
            let route = Route::new(of(pattern), Target::Mount(mount.clone()));
            match mount.name() {
                Some(name) => route.named(name),
                None => route,
            }
        };
        let below = Pattern::below(mount.prefix());
        self.free(&of(below.clone()), mount.name())?;
        self.table.insert(route(below));
        // The prefix itself, without its slash, is redirected by the mount, unless
        // the operator has a route there.
        let literal = mount.prefix().replace('{', "{{").replace('}', "}}");
        if let Ok(pattern) = Pattern::parse(&literal)
            && self.free(&of(pattern.clone()), None).is_ok()
            && self.free(&any(pattern.clone()), None).is_ok()
        {
            let bare = Route::new(of(pattern), Target::Mount(mount.clone()));
            self.table.insert(bare);
        }
        Ok(())
    }

    /// Adds all of a handler's routes, or none of them. Their names in the table are
    /// `HANDLER.NAME`.
    ///
    /// # Errors
    ///
    /// The first route that is taken, and by whom.
    pub fn handler(&mut self, handler: &Arc<Handler>) -> Result<(), Taken> {
        let name = |claim: &Claim| format!("{}.{}", handler.name(), claim.name);
        handler.routes().iter().try_for_each(|claim| self.free(&claim.route, Some(&name(claim))))?;
        for claim in handler.routes() {
            let (name_of_route, declared) = (claim.name.clone(), claim.declared.clone());
            let target = Target::Handler { handler: handler.clone(), name: name_of_route, declared };
            let route = Route::new(claim.route.clone(), target).named(name(claim)).slashes(self.slashes);
            self.table.insert(route);
        }
        Ok(())
    }

    /// Lets those of `routes` that are free answer 503.
    pub fn unavailable(&mut self, handler: &str, routes: &Routes) {
        for Claim { route, .. } in routes {
            if self.free(route, None).is_ok() {
                let target = Target::Unavailable { handler: handler.to_owned() };
                self.table.insert(Route::new(route.clone(), target));
            }
        }
    }

    fn free(&self, route: &RoutePattern, name: Option<&str>) -> Result<(), Taken> {
        if route.pattern.as_str().starts_with("/-/") {
            let wrong = format!(
                "claims the route `{route}`, which the server itself has as `/-/{{*path}}` (for its probes, before any \
                 route); give it another route"
            );
            return Err(Taken { wrong, handler: None });
        }
        match self.table.conflict(route, name) {
            None => Ok(()),
            Some(Conflict { holder, reason }) => {
                let remedy = match &holder.target {
                    // It has no route of its own to give.
                    Target::Mount(_) => "give one of them another route or prefix",
                    _ => "give one of them another route",
                };
                let wrong = format!(
                    "claims the route `{route}`, which {} has as `{}` ({reason}); {remedy}",
                    holder.target.describe(),
                    holder.pattern
                );
                let handler = match &holder.target {
                    Target::Handler { handler, .. } => Some(handler.name().to_owned()),
                    _ => None,
                };
                Err(Taken { wrong, handler })
            }
        }
    }
}
