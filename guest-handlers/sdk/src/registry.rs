//! The routes of this component: the table that the attributes fill.
//!
//! It is made by constructors that run when the component is instantiated
//! (`inventory`), so that no author has to list functions a second time. A
//! component's `_initialize` runs them on wasm32-wasip2.

use crate::wants::Wants;
use axum::extract::Request;
use axum::response::Response;
use http::Method;
use std::pin::Pin;

/// A handler under way. Not `Send`: a component has one thread.
pub type HandlerFuture = Pin<Box<dyn Future<Output = Response>>>;

/// One route, as its attribute states it.
#[derive(Debug)]
pub struct RouteEntry {
    /// The method, in its own case.
    pub method: &'static str,
    /// The pattern, of the attributes' grammar.
    pub pattern: &'static str,
    /// The name, unique within the component.
    pub name: &'static str,
    /// What its arguments want.
    pub wants: fn() -> Wants,
    /// Runs the extractors, the handler, and the conversion of its answer.
    pub call: fn(Request) -> HandlerFuture,
}

inventory::collect!(RouteEntry);

impl RouteEntry {
    /// HEAD follows GET, as it does at the host.
    pub(crate) fn serves(&self, method: &Method) -> bool {
        self.method == method.as_str() || (*method == Method::HEAD && self.method == "GET")
    }
}

/// All routes of this component.
pub(crate) fn routes() -> impl Iterator<Item = &'static RouteEntry> + Clone {
    inventory::iter::<RouteEntry>.into_iter()
}
