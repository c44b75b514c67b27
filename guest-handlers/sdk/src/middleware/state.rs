//! Values that all calls of an instance share.

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;
use std::any::type_name;
use std::ops::{Deref, DerefMut};

/// A value that [`Routes::state`](super::Routes::state) has given to all routes, as an
/// extractor: each call has a clone of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct State<T>(pub T);

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for State<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// The value among the extensions of a request.
#[derive(Clone)]
pub(super) struct Shared<T>(pub(super) T);

impl<T: Clone + Send + Sync + 'static, S: Sync> FromRequestParts<S> for State<T> {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, StatusCode> {
        match parts.extensions.get::<Shared<T>>() {
            Some(Shared(value)) => Ok(Self(value.clone())),
            None => {
                tracing::error!(
                    "there is no state of type {}; give it to all routes: #[wrap] fn all(routes: Routes) -> \
                     Routes {{ routes.state(…) }}",
                    type_name::<T>()
                );
                Err(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}
