//! Against cross-site request forgery: who else's page makes the browser send a form.

use axum::extract::FromRequestParts;
use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, StatusCode};

/// Only requests that no other site has caused; others are answered with 403.
///
/// Add it to the arguments of every handler that changes something for who is known by
/// a cookie or by where they are. A browser says in `Sec-Fetch-Site`, or at least in
/// `Origin`, which site a request comes from, and no page can forge either. A request
/// with neither is not a browser's, and nobody can be tricked into sending it.
///
/// ```
/// use patchboard::{SameOrigin, post};
///
/// #[post("/account/delete")]
/// async fn delete(_: SameOrigin) -> &'static str {
///     "as you wish"
/// }
/// # async fn test() -> Result<(), Box<dyn std::error::Error>> {
/// # use patchboard::{Body, http, testing};
/// let request = http::Request::post("http://here/account/delete").header("origin", "http://evil");
/// assert_eq!(testing::call(request.body(Body::empty())?).await.status(), 403);
/// # Ok(())
/// # }
/// # futures_executor::block_on(test()).unwrap();
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SameOrigin;

impl<S: Sync> FromRequestParts<S> for SameOrigin {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let host = match parts.uri.authority() {
            Some(authority) => Some(authority.as_str()),
            None => parts.headers.get(HOST).and_then(|host| host.to_str().ok()),
        };
        match is_same(&parts.headers, host) {
            true => Ok(Self),
            false => Err((StatusCode::FORBIDDEN, "this request comes from another site\n")),
        }
    }
}

fn is_same(headers: &HeaderMap, host: Option<&str>) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        // `none` is the address bar, a bookmark, or what the user has typed.
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, rest)| rest);
    match (authority.and_then(parse), host.and_then(parse)) {
        (Some(origin), Some(host)) => origin == host,
        _ => false,
    }
}

fn parse(authority: &str) -> Option<Authority> {
    authority.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_origin_is_let_in() {
        for (name, value, expected) in [
            ("sec-fetch-site", "same-origin", true),
            ("sec-fetch-site", "none", true),
            ("sec-fetch-site", "same-site", false),
            ("sec-fetch-site", "cross-site", false),
            ("origin", "http://Example.com:8080", true),
            ("origin", "https://example.com:8080", true),
            ("origin", "http://example.com", false),
            ("origin", "http://evil.example.com:8080", false),
            ("origin", "null", false),
            ("accept", "text/html", true),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            assert_eq!(is_same(&headers, Some("example.com:8080")), expected, "{name}: {value}");
        }
    }
}
