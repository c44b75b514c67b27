//! `GET /` answers `Hello, world`: the least a handler can be.

use patchboard::get;

#[get("/")]
async fn hello() -> &'static str {
    "Hello, world"
}
