//! What all routes of a component share: layers around them, and values for them.
//!
//! A component has one function that wraps all its routes, with the attribute
//! [`wrap`](crate::wrap). It is called once in an instance, before its first call; whatever a
//! route is added later, it cannot be forgotten.
//!
//! ```standalone_crate
//! use patchboard::extract::Request;
//! use patchboard::middleware::{Next, Routes, State, from_fn};
//! use patchboard::response::{IntoResponse, Response};
//! use patchboard::{StatusCode, get, wrap};
//! use std::sync::Arc;
//!
//! #[derive(Clone)]
//! struct Tokens(Arc<Vec<String>>);
//!
//! #[wrap]
//! fn all(routes: Routes) -> Routes {
//!     routes.state(Tokens(Arc::new(vec!["sesame".to_owned()]))).layer(from_fn(log_in))
//! }
//!
//! async fn log_in(State(tokens): State<Tokens>, request: Request, next: Next) -> Response {
//!     let token = request.headers().get("authorization").and_then(|token| token.to_str().ok());
//!     match token.is_some_and(|token| tokens.0.iter().any(|known| known == token)) {
//!         true => next.run(request).await,
//!         false => StatusCode::UNAUTHORIZED.into_response(),
//!     }
//! }
//!
//! #[get("/")]
//! async fn hello(State(tokens): State<Tokens>) -> String {
//!     format!("{} tokens", tokens.0.len())
//! }
//! # futures_executor::block_on(async {
//! # let request = patchboard::http::Request::get("/").body(patchboard::Body::empty()).unwrap();
//! # assert_eq!(patchboard::testing::call(request).await.status(), 401);
//! # let request = patchboard::http::Request::get("/").header("authorization", "sesame");
//! # let response = patchboard::testing::call(request.body(patchboard::Body::empty()).unwrap()).await;
//! # assert_eq!(patchboard::testing::text(response).await, "1 tokens");
//! # });
//! ```
//!
//! Layers are those of tower, for example of `tower-http`, as far as they need no clock or
//! thread of tokio's. What the host answers itself (404 where no route matches, 405) does not
//! come here.

mod endpoint;
mod from_fn;
mod routes;
mod state;

pub use endpoint::{Endpoint, EndpointFuture};
pub use from_fn::{FromFn, FromFnLayer, Middleware, Next, from_fn};
pub use routes::Routes;
pub use state::State;

pub(crate) use endpoint::Chosen;
pub use routes::WrapEntry;
pub(crate) use routes::{is_wrapped, wrapped};
