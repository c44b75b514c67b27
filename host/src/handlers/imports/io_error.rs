//! The text of a `wasi:io` 0.2 error. The stock one is the error as the host would debug it,
//! which with `RUST_BACKTRACE` has a backtrace of the host's.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::p2::bindings::io::error::Error;

use crate::handlers::state::State;

const ERROR: &str = "wasi:io/error@0.2.12";

/// Puts our function in the place of the stock one.
pub(in crate::handlers) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    linker.instance(ERROR)?.func_wrap(
        "[method]error.to-debug-string",
        |store: StoreContextMut<'_, State>, (error,): (Resource<Error>,)| {
            Ok((format!("{:#}", store.data().table.get(&error)?),))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}
