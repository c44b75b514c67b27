//! Cookies: plain, signed so that a client cannot change them, or private so that it cannot
//! read them either. They are `axum-extra`'s; the key comes from the handler's configuration,
//! 64 bytes or more that nobody else knows:
//!
//! ```toml
//! [handlers.shop]
//! config = { cookie_key = { secret = "shop-cookie-key" } }    # head -c 64 /dev/urandom | base64 -w0
//! ```
//!
//! ```
//! use patchboard::cookies::{Cookie, SignedCookieJar};
//! use patchboard::extract::{Form, Query};
//! use patchboard::response::{IntoResponse, Redirect};
//! use patchboard::{StatusCode, get, post};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct LogIn {
//!     name: String,
//! }
//!
//! #[post("/login")]
//! async fn log_in(jar: SignedCookieJar, Form(form): Form<LogIn>) -> impl IntoResponse {
//!     let session = Cookie::build(("session", form.name)).path("/").http_only(true).secure(true);
//!     (jar.add(session), Redirect::to("/me"))
//! }
//!
//! #[get("/me")]
//! async fn me(jar: SignedCookieJar) -> Result<String, StatusCode> {
//!     // Nobody but this handler can have written it.
//!     jar.get("session").map(|session| session.value().to_owned()).ok_or(StatusCode::UNAUTHORIZED)
//! }
//! # use patchboard::{Body, http, testing};
//! # futures_executor::block_on(async {
//! # testing::set_config([("cookie_key", &*"k".repeat(64))]);
//! # let form = http::Request::post("/login").header("content-type", "application/x-www-form-urlencoded");
//! # let response = testing::call(form.body(Body::from("name=ada")).unwrap()).await;
//! # let cookie = response.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
//! # let me = |cookie: String| http::Request::get("/me").header("cookie", cookie).body(Body::empty()).unwrap();
//! # let response = testing::call(me(cookie.clone())).await;
//! # assert_eq!(testing::text(response).await, "ada");
//! # let response = testing::call(me(cookie.replace("ada", "eve"))).await;
//! # assert_eq!(response.status(), 401);
//! # });
//! ```
//!
//! What is signed is bound to its name, and to nothing else: a cookie that was once given out is
//! good for as long as the key. A session that can be ended, or that holds more than an id, is
//! kept in a bucket ([`key_value`](crate::key_value)) under a random id, and the cookie has that.

use axum::extract::FromRef;
use axum_extra::extract::cookie;

pub use axum_extra::extract::CookieJar;
pub use axum_extra::extract::cookie::{Cookie, Expiration, SameSite};

/// Cookies that a client can read and cannot change.
pub type SignedCookieJar = cookie::SignedCookieJar<Key>;

/// Cookies that a client can neither read nor change.
pub type PrivateCookieJar = cookie::PrivateCookieJar<Key>;

/// The name of the key in the handler's configuration.
const NAME: &str = "cookie_key";
/// The least that a key is made of.
const BYTES: usize = 64;

/// The key of the handler's cookies.
#[derive(Clone)]
pub struct Key(cookie::Key);

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Key(…)")
    }
}

impl From<Key> for cookie::Key {
    fn from(Key(key): Key) -> Self {
        key
    }
}

impl FromRef<()> for Key {
    /// The key of the configuration.
    ///
    /// # Panics
    ///
    /// If there is none, or it is too short: without one no cookie can be trusted.
    #[allow(clippy::panic, reason = "an extractor of axum's asks for it, and cannot fail")]
    fn from_ref((): &()) -> Self {
        let remedy = "give the handler 64 random bytes or more: config = { cookie_key = { secret = \"…\" } }";
        let Some(text) = crate::config::get(NAME) else {
            panic!("signed cookies need `{NAME}` in the handler's configuration; {remedy}");
        };
        let bytes = text.trim().as_bytes();
        assert!(bytes.len() >= BYTES, "`{NAME}` has {} bytes; {remedy}", bytes.len());
        Self(cookie::Key::from(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_missing_or_short_is_said() {
        for (key, said) in [(None, "need `cookie_key`"), (Some("k"), "has 1 bytes; give the handler 64")] {
            crate::testing::set_config(key.map(|key| (NAME, key)));
            let panic = std::panic::catch_unwind(|| Key::from_ref(&())).unwrap_err();
            let text = panic.downcast_ref::<String>().unwrap();
            assert!(text.contains(said), "{text}");
        }
    }
}
