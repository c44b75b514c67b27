//! A call: as it comes to a handler, as it goes to an instance, and what becomes of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Request;
use http::request::Parts;
use tokio::sync::oneshot;
use wasmtime::component::{ComponentType, Lower};

use super::error::CallError;
use super::over::Over;
use super::request_body::Inbound;
use crate::body::Body;
use crate::upload::Upload;

/// The route that matched a request; `matched-route` of `patchboard:handler/types`.
#[derive(Debug, PartialEq, Eq, ComponentType, Lower)]
#[component(record)]
pub struct MatchedRoute {
    /// What the component that declares it knows it by.
    pub id: Option<u64>,
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
    pub request: Request<Upload>,
    /// Who asks, as far as is known; the port is 0 where a proxy tells the address alone.
    pub client: Option<SocketAddr>,
    /// The authority the client asked for.
    pub authority: Arc<str>,
    /// The route that matched.
    pub route: Arc<MatchedRoute>,
    /// Names the request.
    pub request_id: Arc<str>,
}

/// A call as it goes to an instance.
pub(super) struct Job {
    pub(super) head: Arc<CallHead>,
    pub(super) body: Inbound,
    pub(super) answer: oneshot::Sender<Outcome>,
}

/// What is known of a call when its head has arrived.
#[derive(Debug)]
pub(super) struct CallHead {
    pub(super) parts: Parts,
    pub(super) client: Option<SocketAddr>,
    pub(super) authority: Arc<str>,
    pub(super) route: Arc<MatchedRoute>,
    pub(super) request_id: Arc<str>,
    pub(super) has_body: bool,
    /// Set when the call begins in an instance, and when the guest has done with it.
    pub(super) begun: AtomicBool,
    pub(super) done: AtomicBool,
    /// Told when nobody waits for it any more, or its response is complete.
    pub(super) over: Over,
}

/// What becomes of a call.
pub(super) enum Outcome {
    /// The head of the response, and its body as it comes.
    Response(http::Response<Body>),
    /// No response.
    Failed(CallError),
    /// The instance ended before the call was started, or without the call having
    /// had any effect: it may run in another.
    Again(Inbound),
}

impl CallHead {
    /// Whether a guest has begun with the call, and not done with it.
    pub(super) fn is_at_work(&self) -> bool {
        self.begun.load(Ordering::Relaxed) && !self.done.load(Ordering::Relaxed)
    }
}
