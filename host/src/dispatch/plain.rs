//! Responses of a status and a field or two. Where they are errors, [`crate::error`]
//! gives them a body.

use std::time::Duration;

use http::header::{ALLOW, HeaderName, LOCATION, RETRY_AFTER};
use http::{HeaderValue, Method, Response, StatusCode};

use crate::body::Body;

pub(super) fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// To the canonical form of the path, keeping the query (RFC 9110, section 15.4.9).
pub(super) fn redirect(mut path: String, query: Option<&str>) -> Response<Body> {
    if let Some(query) = query {
        path.push('?');
        path.push_str(query);
    }
    let mut response = status(StatusCode::PERMANENT_REDIRECT);
    response.headers_mut().extend(HeaderValue::try_from(path).ok().map(|path| (LOCATION, path)));
    response
}

/// In whole seconds, rounded up (RFC 9110, section 10.2.3).
pub(super) fn retry_after(time: Duration) -> (HeaderName, HeaderValue) {
    (RETRY_AFTER, HeaderValue::from(time.as_millis().div_ceil(1000) as u64))
}

pub(super) fn with_allow(code: StatusCode, methods: &[Method]) -> Response<Body> {
    let mut response = status(code);
    let list = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    response.headers_mut().extend(HeaderValue::try_from(list).ok().map(|list| (ALLOW, list)));
    response
}
