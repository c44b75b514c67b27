//! What is not wasmtime's own of WASI's imports, how a guest waits for a function, and how
//! bodies enter and leave it.

pub(super) mod awaited;
pub(super) mod chunk;
pub(super) mod fields;
pub(super) mod inflow;
pub(super) mod io_error;
pub(super) mod kept;
pub(super) mod nonblocking;
pub(super) mod pipe;
pub(super) mod requests;
pub(super) mod response;
pub(super) mod response_0_2;
pub(super) mod weight;
