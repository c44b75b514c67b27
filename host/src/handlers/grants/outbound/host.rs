//! `wasi:http` for guests: requests and responses, and the clients of 0.3 and, where it
//! holds nobody else, of 0.2.

use wasmtime::component::Linker;

use crate::config::Isolation;
use crate::handlers::imports::response;
use crate::handlers::state::State;

pub(in crate::handlers) fn link(linker: &mut Linker<State>, isolation: Isolation) -> wasmtime::Result<()> {
    wasmtime_wasi_http::p3::add_to_linker(linker)?;
    response::link(linker)?;
    match isolation {
        // It waits by blocking.
        Isolation::Shared => Ok(()),
        Isolation::Request | Isolation::Reuse => {
            wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)
        }
    }
}
