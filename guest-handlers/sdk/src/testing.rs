//! Whole requests in unit tests, without a host.

use axum::extract::Request;
use axum::response::Response;

/// Answers a request by the routes of this crate, as its component would.
///
/// Nothing of the host is there: [`time`](crate::time) and
/// [`client`](crate::client) panic outside of a component.
///
/// ```
/// use patchboard::{Body, Path, get, http, testing};
///
/// #[get("/hello/{name}")]
/// async fn hello(Path(name): Path<String>) -> String {
///     format!("Hello, {name}")
/// }
///
/// # async fn test() -> Result<(), Box<dyn std::error::Error>> {
/// let request = http::Request::get("/hello/you").body(Body::empty())?;
/// let response = testing::call(request).await;
/// assert_eq!(response.status(), 200);
/// # Ok(())
/// # }
/// ```
pub async fn call(request: Request) -> Response {
    crate::service::standalone::answer(request).await
}
