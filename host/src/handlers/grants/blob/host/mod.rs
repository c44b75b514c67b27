//! Blob folders for guests: `patchboard:handler/blob`, which is awaited, and
//! `wasi:blobstore`, which holds its instance while it waits.

mod operation;
mod own;
mod reading;
mod wasi;
mod wasi_streams;

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
