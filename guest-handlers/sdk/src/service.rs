//! The entry point of the component, one for each world.
//!
//! Both exports are made here, in the SDK, so that a handler crate has nothing to
//! export: rustc exports a dependency's symbols from a `cdylib` too.

#[cfg(not(feature = "wasi-http"))]
mod patchboard;
pub(crate) mod standalone;
#[cfg(feature = "wasi-http")]
mod wasi_http;
