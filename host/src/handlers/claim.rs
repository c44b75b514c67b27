//! The routes that a handler claims.

use std::sync::Arc;

use crate::router::RoutePattern;

/// The routes a handler claims.
pub type Routes = Vec<Claim>;

/// One route that a handler claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The name the handler knows it by.
    pub name: Arc<str>,
    /// Its method and pattern.
    pub route: RoutePattern,
}
