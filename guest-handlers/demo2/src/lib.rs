//! `POST /demo2` sends a form to demo1 at the origin in the environment variable
//! `ORIGIN`, awaits its answer, and then answers `welcome`.
//!
//! While it waits, its instance answers other requests. Where demo1 fails, this
//! fails with 502, and the cause is on stderr: `client::Error` is a response.

use patchboard::response::{IntoResponse as _, Response};
use patchboard::tracing::error;
use patchboard::{StatusCode, client, post};

#[post("/demo2")]
async fn demo2() -> Result<&'static str, Response> {
    let Ok(origin) = std::env::var("ORIGIN") else {
        error!("the environment variable ORIGIN is not set");
        return Err((StatusCode::BAD_GATEWAY, "no upstream configured\n").into_response());
    };
    welcome(&origin).await.map_err(client::Error::into_response)
}

async fn welcome(origin: &str) -> Result<&'static str, client::Error> {
    client::post(format!("{origin}/demo1/demo2"))
        .form(&[("key", "welcome")])
        .send()
        .await?
        .error_for_status()?;
    Ok("welcome")
}
