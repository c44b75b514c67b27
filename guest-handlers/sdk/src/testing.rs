//! Whole requests in unit tests, without a host.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt as _;

/// Answers a request by the routes of this crate, as its component would.
///
/// Nothing of the host is there: [`time`](crate::time) is the machine's, and who answers the
/// requests of [`client`](crate::client) is said by [`set_client`].
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
/// assert_eq!(testing::text(response).await, "Hello, you");
/// # Ok(())
/// # }
/// # futures_executor::block_on(test()).unwrap();
/// ```
///
/// It waits for what the handler has [spawned](crate::spawn). Values of [`config`](crate::config) are those of [`set_config`].
pub async fn call(request: Request) -> Response {
    let response = crate::service::standalone::answer(request).await;
    #[cfg(not(target_family = "wasm"))]
    crate::task::finish().await;
    response
}

/// The body of a response, read to its end, as text.
///
/// # Panics
///
/// If the body breaks off, or is not UTF-8.
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
pub async fn text(response: Response) -> String {
    let body = response.into_body().collect().await.expect("the body has an end").to_bytes();
    String::from_utf8(body.into()).expect("the body is UTF-8")
}

/// Sets what [`config`](crate::config) gives on this thread, instead of what it gave
/// before.
pub fn set_config<'v>(values: impl IntoIterator<Item = (&'v str, &'v str)>) {
    let own = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    #[cfg(not(target_family = "wasm"))]
    crate::config::backend::set(values.into_iter().map(own).collect());
    #[cfg(target_family = "wasm")]
    drop(values.into_iter().map(own).collect::<Vec<_>>());
}

/// Lets `answer` answer the requests that are sent by [`client`](crate::client) on this thread,
/// instead of who answered before. Where nobody does, a request fails the test.
///
/// ```
/// use patchboard::{Body, client, get, http, testing};
///
/// #[get("/weather")]
/// async fn weather() -> Result<String, client::Error> {
///     client::get("https://weather.example/today").send().await?.text().await
/// }
///
/// # async fn test() -> Result<(), Box<dyn std::error::Error>> {
/// testing::set_client(async |request| {
///     assert_eq!(request.uri(), "https://weather.example/today");
///     "sunny"
/// });
/// let request = http::Request::get("/weather").body(Body::empty())?;
/// assert_eq!(testing::text(testing::call(request).await).await, "sunny");
/// # Ok(())
/// # }
/// # futures_executor::block_on(test()).unwrap();
/// ```
pub fn set_client<F, A>(answer: F)
where
    F: Fn(Request) -> A + 'static,
    A: Future<Output: IntoResponse> + 'static,
{
    #[cfg(not(target_family = "wasm"))]
    crate::client::native::set(move |request| {
        let answer = answer(request);
        Box::pin(async { answer.await.into_response() })
    });
    #[cfg(target_family = "wasm")]
    drop(answer);
}

/// Makes a new SQLite database in memory, which [`sql::open`](crate::sql::open) gives on
/// this thread under `name`, with the tables that `schema` creates.
///
/// # Panics
///
/// If `schema` is wrong.
pub fn set_database(name: &str, schema: &str) {
    #[cfg(not(target_family = "wasm"))]
    crate::sql::backend::set(name, schema);
    #[cfg(target_family = "wasm")]
    let _ = (name, schema);
}
