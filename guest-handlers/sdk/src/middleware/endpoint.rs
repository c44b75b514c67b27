//! What a layer is around: the routes, with the layers that were added before it.

use crate::registry::{HandlerFuture, RouteEntry};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, poll_fn, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tower_service::Service;

/// All routes of the component, with the layers so far: a tower service, which never fails.
#[derive(Clone)]
pub struct Endpoint(Rc<dyn Answer>);

/// Which handler a request is for, among its extensions.
#[derive(Clone, Copy)]
pub(crate) struct Chosen(pub(crate) &'static RouteEntry);

trait Answer {
    fn answer(&self, request: Request) -> HandlerFuture;
}

impl Endpoint {
    /// The handlers themselves.
    pub(super) fn handlers() -> Self {
        Self(Rc::new(Handlers))
    }

    pub(super) fn new<S>(service: S) -> Self
    where
        S: Service<Request> + Clone + 'static,
        S::Response: IntoResponse + 'static,
        S::Error: Into<Infallible> + 'static,
        S::Future: 'static,
    {
        Self(Rc::new(Layered(service)))
    }

    /// Answers a request.
    pub(crate) fn answer(&self, request: Request) -> HandlerFuture {
        self.0.answer(request)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Endpoint").finish_non_exhaustive()
    }
}

impl Service<Request> for Endpoint {
    type Response = Response;
    type Error = Infallible;
    type Future = EndpointFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> EndpointFuture {
        EndpointFuture(self.answer(request))
    }
}

/// The answer of an [`Endpoint`], or of a layer around it, under way.
pub struct EndpointFuture(pub(super) HandlerFuture);

impl fmt::Debug for EndpointFuture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("EndpointFuture").finish_non_exhaustive()
    }
}

impl Future for EndpointFuture {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

struct Handlers;

impl Answer for Handlers {
    fn answer(&self, request: Request) -> HandlerFuture {
        match request.extensions().get::<Chosen>() {
            Some(Chosen(entry)) => (entry.call)(request),
            None => {
                tracing::error!("a layer has taken the extensions of the request, and with them its route");
                Box::pin(ready(StatusCode::INTERNAL_SERVER_ERROR.into_response()) as Ready<Response>)
            }
        }
    }
}

struct Layered<S>(S);

impl<S> Answer for Layered<S>
where
    S: Service<Request> + Clone + 'static,
    S::Response: IntoResponse + 'static,
    S::Error: Into<Infallible> + 'static,
    S::Future: 'static,
{
    fn answer(&self, request: Request) -> HandlerFuture {
        // Each call has its own, as with axum: one that is not ready holds up no other.
        let mut service = self.0.clone();
        Box::pin(async move {
            let ready = poll_fn(|cx| service.poll_ready(cx)).await;
            let outcome = match ready {
                Ok(()) => service.call(request).await,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(response) => response.into_response(),
                Err(error) => match error.into() {},
            }
        })
    }
}
