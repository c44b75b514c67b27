//! The entry point of the component, one for each world.
//!
//! Both exports are made here, in the SDK, so that a handler crate has nothing to
//! export: rustc exports a dependency's symbols from a `cdylib` too.

mod matching;
#[cfg(not(feature = "wasi-http"))]
pub(crate) mod patchboard;
mod path;
mod run;
pub(crate) mod standalone;
#[cfg(feature = "wasi-http")]
mod wasi_http;

// Who knows the URLs of routes: the host where it has done the routing, else the
// component itself.
#[cfg(not(all(target_family = "wasm", not(feature = "wasi-http"))))]
#[path = "service/own_urls.rs"]
pub(crate) mod urls;
#[cfg(all(target_family = "wasm", not(feature = "wasi-http")))]
pub(crate) use patchboard::{logging, urls};
