//! Responses of a status and a field or two. Where they are errors, [`crate::error`]
//! gives them a body.

use std::time::Duration;

use http::header::{ALLOW, HeaderName, LOCATION, RETRY_AFTER};
use http::{HeaderValue, Method, Response, StatusCode, Uri};

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

/// To the same at `https` (RFC 9110, section 15.4.9), at the port where that is spoken.
pub(super) fn to_https(authority: &str, port: u16, target: &Uri) -> Response<Body> {
    // Beside the colons of an address.
    let end = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let host = authority
        .get(end..)
        .and_then(|rest| rest.find(':'))
        .map_or(authority, |colon| authority.get(..end + colon).unwrap_or(authority));
    if host.is_empty() {
        // HTTP/1.0 need not say whom it asks.
        return status(StatusCode::BAD_REQUEST);
    }
    let port = if port == 443 { String::new() } else { format!(":{port}") };
    let target = target.path_and_query().map_or("/", |target| target.as_str());
    let target = if target.starts_with('/') { target } else { "/" };
    let mut response = status(StatusCode::PERMANENT_REDIRECT);
    let url = HeaderValue::try_from(format!("https://{host}{port}{target}"));
    response.headers_mut().extend(url.ok().map(|url| (LOCATION, url)));
    response
}

/// RFC 6797, section 6.1.
pub(super) fn hsts(seconds: u32) -> HeaderValue {
    HeaderValue::try_from(format!("max-age={seconds}"))
        .unwrap_or_else(|_| HeaderValue::from_static("max-age=0"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_redirected_to_https_keeps_its_host_and_target() {
        for (authority, port, target, expected) in [
            ("a.example", 443, "/x?y=1", "https://a.example/x?y=1"),
            ("a.example:80", 443, "/", "https://a.example/"),
            ("a.example:8080", 8443, "/", "https://a.example:8443/"),
            ("[::1]:80", 443, "/a", "https://[::1]/a"),
            ("[::1]", 8443, "/a", "https://[::1]:8443/a"),
            ("a.example", 443, "http://b.example", "https://a.example/"),
            ("a.example", 443, "*", "https://a.example/"),
        ] {
            let response = to_https(authority, port, &target.parse().unwrap());
            assert_eq!(response.headers()[LOCATION], expected, "{authority} {port} {target}");
        }
        assert_eq!(to_https("", 443, &Uri::from_static("/")).status(), StatusCode::BAD_REQUEST);
    }
}
