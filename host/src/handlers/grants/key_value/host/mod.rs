//! Key-value buckets for guests: `patchboard:handler/key-value`, which is awaited, and
//! `wasi:keyvalue`, which holds its instance while it waits.

mod bucket;
mod operations;
mod own;
mod swap;
mod wasi;

use wasmtime::component::Linker;

use crate::config::Isolation;
use crate::handlers::state::State;

/// Links what is awaited, and where calls do not share an instance also what waits.
pub(in crate::handlers) fn link(linker: &mut Linker<State>, isolation: Isolation) -> wasmtime::Result<()> {
    own::add_to_linker(linker)?;
    match isolation {
        Isolation::Shared => Ok(()),
        Isolation::Request | Isolation::Reuse => wasi::add_to_linker(linker),
    }
}
