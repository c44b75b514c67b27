//! Handlers: components, their instances and the calls in them.
//!
//! In: files in the handlers folder ([`folder`]) and requests with their route
//! ([`Core::call`]). Here: compile, check and link ([`load`]); keep instances per
//! core ([`pool`]); run calls in them ([`instance`], [`call`]) within the limits.
//! Out: a response, or a [`CallError`]. The only module that names wasmtime.

mod admission;
mod bindings;
mod blocking;
mod call;
mod code_cache;
mod collapse;
mod compilers;
mod component;
mod config_store;
mod counts;
mod databases;
mod deadlines;
mod engine;
mod error;
pub mod folder;
mod health;
mod held_body;
mod inbox;
mod instance;
mod key_value;
mod limits;
mod load;
mod log;
mod logging;
mod outbound;
mod places;
mod pool;
mod request_body;
mod routing;
mod section;
mod slices;
mod sql;
mod state;
mod status;

use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;
use wasmtime::component::{ComponentType, Lower};

pub use compilers::beside_requests;
pub use component::Kind;
pub use engine::Engine;
pub use error::CallError;
pub use load::{Handler, LoadError};
pub use outbound::OwnConnections;
pub use pool::Core;

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

/// The route that matched a request; `matched-route` of `patchboard:handler/types`.
#[derive(Debug, PartialEq, Eq, ComponentType, Lower)]
#[component(record)]
pub struct MatchedRoute {
    /// The name the handler knows it by.
    pub name: Arc<str>,
    /// Its pattern.
    pub pattern: Arc<str>,
    /// Each parameter's name and decoded value, in order.
    pub parameters: Vec<(String, String)>,
}

/// A request on its way into a handler.
#[derive(Debug)]
pub struct Call {
    /// Head and body as they came.
    pub request: Request<Incoming>,
    /// The authority the client asked for.
    pub authority: Arc<str>,
    /// The route that matched.
    pub route: Arc<MatchedRoute>,
    /// Names the request.
    pub request_id: Arc<str>,
}
