//! Routes that are all wrapped: by a layer of tower's, by a function, and with a value that
//! the calls of an instance share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use patchboard::cookies::{Cookie, SignedCookieJar};
use patchboard::extract::{Path, Request};
use patchboard::middleware::{Next, Routes, State, from_fn};
use patchboard::response::{IntoResponse as _, Response};
use patchboard::{HeaderName, HeaderValue, RequestId, Route, StatusCode, any, get, time, wrap};
use tower_http::set_header::SetResponseHeaderLayer;

#[derive(Clone, Default)]
struct Calls(Arc<AtomicU32>);

#[wrap]
fn all(routes: Routes) -> Routes {
    let framed = HeaderName::from_static("x-frame-options");
    routes
        .state(Calls::default())
        .layer(from_fn(let_in))
        .layer(SetResponseHeaderLayer::if_not_present(framed, HeaderValue::from_static("DENY")))
}

/// Lets nobody in who asks for what is secret.
async fn let_in(
    State(calls): State<Calls>,
    route: Route,
    id: RequestId,
    request: Request,
    next: Next,
) -> Response {
    calls.0.fetch_add(1, Ordering::Relaxed);
    if request.uri().path().ends_with("/secret") {
        time::sleep(std::time::Duration::from_millis(1)).await;
        return (StatusCode::FORBIDDEN, format!("{} is secret", route.name())).into_response();
    }
    let mut response = next.run(request).await;
    response.headers_mut().extend(HeaderValue::from_str(id.as_str()).map(|id| (SEEN, id)));
    response
}

const SEEN: HeaderName = HeaderName::from_static("x-seen");

/// Counts the visits of a client in a cookie of its own.
#[get("/wrapped/visits")]
async fn visits(jar: SignedCookieJar) -> (SignedCookieJar, String) {
    let before = jar.get("visits").and_then(|visits| visits.value().parse::<u32>().ok());
    let visits = before.unwrap_or_default() + 1;
    (jar.add(Cookie::new("visits", visits.to_string())), visits.to_string())
}

/// Wants nothing of its request, but for what wraps it.
#[get("/wrapped/plain")]
async fn plain() -> &'static str {
    "plain"
}

#[get("/wrapped/calls/{name}")]
async fn calls(State(calls): State<Calls>, Path(name): Path<String>) -> String {
    format!("{name} {}", calls.0.load(Ordering::Relaxed))
}

#[get("/wrapped/none")]
async fn none(_: State<u8>) {}

#[any("/wrapped/any/{*rest}")]
async fn every(request: Request) -> String {
    request.method().to_string()
}

#[get("/wrapped/panic")]
async fn panics() -> &'static str {
    panic!("of {} letters", 5)
}
