//! The host functions of all grants, for a linker.

use wasmtime::component::{HasSelf, Linker};

use crate::handlers::bindings;
use crate::handlers::state::State;

use super::{config, key_value, logging};

/// Links what guests may call; power comes only from what a store was granted.
pub(in crate::handlers) fn link(linker: &mut Linker<State>, shared: bool) -> wasmtime::Result<()> {
    config::host::add_to_linker(linker)?;
    logging::host::add_to_linker(linker)?;
    key_value::host::add_to_linker(linker, shared)?;
    bindings::routing::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
    bindings::sql::add_to_linker::<State, HasSelf<State>>(linker, |state| state)
}
