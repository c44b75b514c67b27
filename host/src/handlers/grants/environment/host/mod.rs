//! All of WASI 0.2's and 0.3's command worlds, which toolchains import whether they use
//! them or not.

mod paths;

use wasmtime::component::Linker;

use crate::config::Isolation;
use crate::handlers::imports::{io_error, nonblocking};
use crate::handlers::state::State;

pub(in crate::handlers) fn link(linker: &mut Linker<State>, isolation: Isolation) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi::p3::add_to_linker(linker)?;
    io_error::link(linker)?;
    paths::link(linker)?;
    match isolation {
        Isolation::Shared => nonblocking::link(linker),
        Isolation::Request | Isolation::Reuse => Ok(()),
    }
}
