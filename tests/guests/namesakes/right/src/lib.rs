//! One of two crates that differ in a word: each has a handler `list`, at the same line and column.

use patchboard::get;

/// What is used of a crate brings all of it, with its routes, into the component.
#[inline(never)]
pub fn name() -> &'static str {
    "right"
}

#[get("/of-right", name = "of-right")]
async fn list() -> String {
    format!("list of {}", name())
}
