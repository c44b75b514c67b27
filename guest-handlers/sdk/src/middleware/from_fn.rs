//! Layers that are a function, as axum's `middleware::from_fn` makes them; their futures need
//! not be [`Send`], since a component has one thread.

use super::endpoint::{Endpoint, EndpointFuture};
use crate::registry::HandlerFuture;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;

/// What is behind a layer: the layers within it, and the handler.
#[derive(Clone, Debug)]
pub struct Next(Endpoint);

impl Next {
    /// Lets it answer.
    pub async fn run(self, request: Request) -> Response {
        self.0.answer(request).await
    }
}

/// A layer of an async function: of extractors, then the request or another extractor that
/// takes the body, and last [`Next`].
///
/// ```
/// use patchboard::HeaderMap;
/// use patchboard::extract::Request;
/// use patchboard::middleware::{Next, Routes, from_fn};
/// use patchboard::response::Response;
///
/// async fn no_store(headers: HeaderMap, request: Request, next: Next) -> Response {
///     let mut response = next.run(request).await;
///     if headers.contains_key("authorization") {
///         response.headers_mut().insert("cache-control", "no-store".parse().unwrap());
///     }
///     response
/// }
///
/// fn all(routes: Routes) -> Routes {
///     routes.layer(from_fn(no_store))
/// }
/// ```
pub fn from_fn<F, T>(function: F) -> FromFnLayer<F, T> {
    FromFnLayer { function, _extractors: PhantomData }
}

/// Made by [`from_fn`].
pub struct FromFnLayer<F, T> {
    function: F,
    _extractors: PhantomData<fn() -> T>,
}

impl<F: Clone, T> Clone for FromFnLayer<F, T> {
    fn clone(&self) -> Self {
        from_fn(self.function.clone())
    }
}

impl<F, T> fmt::Debug for FromFnLayer<F, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FromFnLayer").finish_non_exhaustive()
    }
}

impl<F: Clone, T> Layer<Endpoint> for FromFnLayer<F, T> {
    type Service = FromFn<F, T>;

    fn layer(&self, inner: Endpoint) -> FromFn<F, T> {
        FromFn { layer: self.clone(), next: Next(inner) }
    }
}

/// The service of a [`FromFnLayer`].
pub struct FromFn<F, T> {
    layer: FromFnLayer<F, T>,
    next: Next,
}

impl<F: Clone, T> Clone for FromFn<F, T> {
    fn clone(&self) -> Self {
        Self { layer: self.layer.clone(), next: self.next.clone() }
    }
}

impl<F, T> fmt::Debug for FromFn<F, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FromFn").finish_non_exhaustive()
    }
}

/// A function that [`from_fn`] takes: of up to four extractors, one that may take the body, and
/// [`Next`].
pub trait Middleware<T>: Clone + 'static {
    /// Runs the extractors and the function.
    fn run(self, request: Request, next: Next) -> HandlerFuture;
}

macro_rules! middleware {
    ($($extractor:ident),*) => {
        impl<F, Fut, Last, M, $($extractor,)*> Middleware<(M, $($extractor,)* Last)> for F
        where
            F: FnOnce($($extractor,)* Last, Next) -> Fut + Clone + 'static,
            Fut: Future<Output: IntoResponse> + 'static,
            Last: FromRequest<(), M> + 'static,
            $($extractor: FromRequestParts<()> + 'static,)*
            M: 'static,
        {
            #[allow(non_snake_case, unused_mut, reason = "the names are those of the types")]
            fn run(self, request: Request, next: Next) -> HandlerFuture {
                Box::pin(async move {
                    let (mut parts, body) = request.into_parts();
                    $(
                        let $extractor = match $extractor::from_request_parts(&mut parts, &()).await {
                            Ok(value) => value,
                            Err(rejection) => return rejection.into_response(),
                        };
                    )*
                    let request = Request::from_parts(parts, body);
                    let last = match Last::from_request(request, &()).await {
                        Ok(value) => value,
                        Err(rejection) => return rejection.into_response(),
                    };
                    self($($extractor,)* last, next).await.into_response()
                })
            }
        }
    };
}

middleware!();
middleware!(A);
middleware!(A, B);
middleware!(A, B, C);
middleware!(A, B, C, D);

impl<F: Middleware<T>, T: 'static> Service<Request> for FromFn<F, T> {
    type Response = Response;
    type Error = Infallible;
    type Future = EndpointFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> EndpointFuture {
        EndpointFuture(self.layer.function.clone().run(request, self.next.clone()))
    }
}
