//! Outbound requests for guests: `patchboard:handler/outbound`; and `wasi:http`, requests and
//! responses with the clients of 0.3 and, where it holds nobody else, of 0.2.

mod own;

use wasmtime::component::Linker;

use crate::config::Isolation;
use crate::handlers::imports::{requests, response, response_0_2};
use crate::handlers::state::State;

pub(in crate::handlers) fn link(linker: &mut Linker<State>, isolation: Isolation) -> wasmtime::Result<()> {
    own::add_to_linker(linker)?;
    wasmtime_wasi_http::p3::add_to_linker(linker)?;
    response::link(linker)?;
    requests::link_0_3(linker)?;
    match isolation {
        // It waits by blocking.
        Isolation::Shared => Ok(()),
        Isolation::Request | Isolation::Reuse => {
            wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
            response_0_2::link(linker)?;
            requests::link_0_2(linker)
        }
    }
}
