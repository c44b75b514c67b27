//! The function of a component that wraps all its routes.

use super::endpoint::Endpoint;
use super::state::Shared;
use axum::extract::Request;
use axum::response::IntoResponse;
use http::Extensions;
use std::convert::Infallible;
use std::fmt;
use std::rc::Rc;
use tower_layer::Layer;
use tower_service::Service;

/// All routes of a component, to be wrapped.
pub struct Routes {
    endpoint: Endpoint,
    values: Extensions,
}

impl Routes {
    fn new() -> Self {
        Self { endpoint: Endpoint::handlers(), values: Extensions::new() }
    }

    /// Puts `layer` around the routes and the layers that were added before, as in axum: what
    /// was added last sees a request first.
    #[must_use]
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Endpoint>,
        L::Service: Service<Request> + Clone + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: 'static,
    {
        self.endpoint = Endpoint::new(layer.layer(self.endpoint));
        self
    }

    /// Gives `value` to all routes and layers, which take it as [`State`](super::State). One of
    /// a type replaces the one before.
    ///
    /// It is shared by all calls of the instance: in a `shared` one by all there are at once,
    /// with `isolation = "request"` by nobody.
    #[must_use]
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.values.insert(Shared(value));
        self
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Routes").finish_non_exhaustive()
    }
}

/// A function that wraps all routes, as its attribute states it.
#[derive(Debug)]
pub struct WrapEntry {
    /// Its name.
    pub name: &'static str,
    /// The function.
    pub wrap: fn(Routes) -> Routes,
}

inventory::collect!(WrapEntry);

/// All routes as they are wrapped.
#[derive(Clone)]
pub(crate) struct Wrapped {
    endpoint: Endpoint,
    values: Rc<Extensions>,
}

impl Wrapped {
    /// Gives a request the values, and to the layers.
    pub(crate) fn answer(&self, mut request: Request) -> crate::registry::HandlerFuture {
        request.extensions_mut().extend(self.values.as_ref().clone());
        self.endpoint.answer(request)
    }
}

/// Whether they are: most are not, and for those nothing is made.
pub(crate) fn is_wrapped() -> bool {
    inventory::iter::<WrapEntry>.into_iter().next().is_some()
}

/// The routes as they are wrapped, if they are.
pub(crate) fn wrapped() -> Option<Wrapped> {
    thread_local! {
        static WRAPPED: Option<Wrapped> = wrap();
    }
    is_wrapped().then(|| WRAPPED.with(Clone::clone)).flatten()
}

/// # Panics
///
/// If there are two such functions: which is around the other, nobody has said.
#[allow(clippy::panic, reason = "the host refuses such a component, and tests fail by panicking")]
fn wrap() -> Option<Wrapped> {
    let mut entries = inventory::iter::<WrapEntry>.into_iter();
    let entry = entries.next()?;
    if let Some(other) = entries.next() {
        panic!("`{}` and `{}` both wrap all routes; call one from the other", entry.name, other.name);
    }
    let Routes { endpoint, values } = (entry.wrap)(Routes::new());
    Some(Wrapped { endpoint, values: Rc::new(values) })
}
