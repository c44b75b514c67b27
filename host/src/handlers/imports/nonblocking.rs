//! WASI 0.2's blocking imports, for instances that calls share.
//!
//! A 0.2 import that waits holds the whole store while it waits, and with it every
//! call in it (upstream issues #11869 and #11870). So in shared instances these
//! imports answer at once where they can, and trap with the remedy where they
//! would have to wait. Everything else of `wasi:io` is wasmtime's own.

use futures_util::FutureExt as _;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::WasiView as _;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::io::poll;

use crate::handlers::state::State;

/// What a guest author reads in the trap.
const REMEDY: &str = "a blocking WASI 0.2 call (std::thread::sleep, wasi:io/poll) would hold every call \
     of this shared instance; await the SDK's patchboard::time::sleep or its client instead, \
     or set isolation = \"request\" for this handler";

struct Nonblocking<'a>(&'a mut ResourceTable);

impl HasData for Nonblocking<'static> {
    type Data<'a> = Nonblocking<'a>;
}

/// Replaces `wasi:io/poll` in `linker` by a version that never waits.
pub(in crate::handlers) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    poll::add_to_linker::<State, Nonblocking<'static>>(linker, |state| Nonblocking(state.ctx().table))?;
    linker.allow_shadowing(false);
    Ok(())
}

impl poll::Host for Nonblocking<'_> {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        match poll::Host::poll(self.0, pollables).now_or_never() {
            Some(ready) => ready,
            None => Err(wasmtime::format_err!("{REMEDY}")),
        }
    }
}

impl poll::HostPollable for Nonblocking<'_> {
    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        poll::HostPollable::ready(self.0, pollable).await
    }

    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        match poll::HostPollable::block(self.0, pollable).now_or_never() {
            Some(done) => done,
            None => Err(wasmtime::format_err!("{REMEDY}")),
        }
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        poll::HostPollable::drop(self.0, pollable)
    }
}
