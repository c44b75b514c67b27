//! Which routes of handlers are asked.

use std::collections::BTreeSet;

use http::Method;

use crate::router::{Find, RequestHost, RequestPath, Route};
use crate::site::{Site, Target};

/// All routes of handlers.
pub(super) fn all(site: &Site) -> BTreeSet<String> {
    site.table().routes().filter_map(name).collect()
}

/// The one that a request leads to.
pub(super) fn asked(site: &Site, method: &Method, authority: &str, path: &str) -> Option<String> {
    let path = RequestPath::parse(path).ok()?;
    match site.table().find(method, &RequestHost::new(authority), &path) {
        Find::Found(found) => name(found.route),
        _ => None,
    }
}

fn name(route: &Route<Target>) -> Option<String> {
    match &route.target {
        Target::Handler { handler, .. } => Some(format!("{} ({})", route.pattern, handler.name())),
        _ => None,
    }
}
