//! What the benchmark has a handler do, a route a piece of work. It is the same as in
//! `tests/bench/aiohttp_server.py`.

use std::convert::Infallible;
use std::time::Duration;

use patchboard::stream::StreamExt as _;
use patchboard::{Body, Bytes, Json, Request, get, post, stream, time};
use serde_json::Value;

static CHUNK: [u8; 64 << 10] = [b'x'; 64 << 10];
const CHUNKS: usize = (10 << 20) / CHUNK.len();

/// Waits as a handler should.
#[get("/sleep")]
async fn sleep() -> &'static str {
    time::sleep(Duration::from_millis(50)).await;
    "slept"
}

/// Parses JSON and writes it.
#[post("/echo")]
async fn echo(Json(value): Json<Value>) -> Json<Value> {
    Json(value)
}

/// Tells how long the body is, of which it keeps nothing.
#[post("/count")]
async fn count(request: Request) -> String {
    let mut body = request.into_body().into_data_stream();
    let mut length = 0;
    while let Some(chunk) = body.next().await {
        match chunk {
            Ok(chunk) => length += chunk.len(),
            Err(error) => return format!("failed after {length}: {error}"),
        }
    }
    length.to_string()
}

/// Sends 10 MiB, a chunk at a time.
#[get("/stream")]
async fn download() -> Body {
    let chunks = (0..CHUNKS).map(|_| Ok::<_, Infallible>(Bytes::from_static(&CHUNK)));
    Body::from_stream(stream::iter(chunks))
}
