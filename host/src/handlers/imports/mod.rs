//! What is not wasmtime's own of WASI's imports, and how bodies leave a guest.

pub(super) mod awaited;
pub(super) mod chunk;
pub(super) mod fields;
pub(super) mod inflow;
pub(super) mod nonblocking;
pub(super) mod pipe;
pub(super) mod response;
