//! From a route that has matched to its answer, in every world.

use super::path;
use crate::call::{Rejected, RequestId, Route};
use crate::middleware::{Chosen, is_wrapped, wrapped};
use crate::registry::RouteEntry;
use crate::wants::Wants;
use axum::extract::{DefaultBodyLimit, Request};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;

/// What has to be made before the handler of `entry` is called, or what wraps it.
pub(super) fn wants(entry: &RouteEntry) -> Wants {
    if is_wrapped() { Wants::Path } else { (entry.wants)() }
}

/// Calls the handler of `entry` for a request that has matched `route`.
pub(super) async fn run(
    entry: &'static RouteEntry,
    mut request: Request,
    route: Route,
    id: RequestId,
) -> Response {
    let wants = wants(entry);
    if wants == Wants::Nothing {
        return (entry.call)(Request::default()).await;
    }
    let lacks_parameter = route.parameters().iter().any(|(_, value)| value.is_empty());
    let extensions = request.extensions_mut();
    if wants == Wants::Path {
        extensions.extend(path::extensions(route.pattern(), route.parameters()));
    }
    extensions.insert(id);
    extensions.insert(route);
    // The host enforces the operator's limit; axum's own would come on top.
    DefaultBodyLimit::disable().apply(&mut request);
    let response = match wrapped() {
        None => (entry.call)(request).await,
        Some(wrapped) => {
            request.extensions_mut().insert(Chosen(entry));
            wrapped.answer(request).await
        }
    };
    if lacks_parameter { without_parameter(response) } else { response }
}

/// The answer to a call with an empty parameter, a tail that matched nothing.
///
/// axum's router would not have matched it, and `Path` takes its lack for a
/// mistake in the program. So where that made it answer 500, it becomes the 404
/// that an axum server gives.
fn without_parameter(response: Response) -> Response {
    let blames_the_program = response.status() == StatusCode::INTERNAL_SERVER_ERROR;
    if blames_the_program && response.extensions().get::<Rejected>().is_some() {
        return StatusCode::NOT_FOUND.into_response();
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_extractor_can_miss_a_parameter() {
        let rejected = |status: StatusCode| (axum::Extension(Rejected), status).into_response();
        for (response, expected) in [
            (rejected(StatusCode::INTERNAL_SERVER_ERROR), 404),
            (StatusCode::INTERNAL_SERVER_ERROR.into_response(), 500),
            (rejected(StatusCode::UNPROCESSABLE_ENTITY), 422),
        ] {
            assert_eq!(without_parameter(response).status(), expected);
        }
    }
}
