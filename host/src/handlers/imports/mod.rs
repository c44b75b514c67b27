//! What components import of WASI that is not wasmtime's own, and how bodies leave them.

pub(super) mod fields;
mod nonblocking;
pub(super) mod pipe;
pub(super) mod response;

pub(super) use self::nonblocking::add_to_linker as link_nonblocking;
pub(super) use self::response::add_to_linker as link_response;
