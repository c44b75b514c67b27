//! The export itself: what the bindings' own macro makes, and the freeing of the request.
//!
//! The request is a record that does not fit into the parameters of a core function, so
//! the host has it in memory that it allocates in the guest. For asynchronous exports
//! wit-bindgen 0.63 does not give that back (`abi.rs`: `indirect_params && !async_`),
//! which is its size for each call.

#![allow(unsafe_code)]

use super::Component;
use super::bindings::exports::patchboard::handler::handler::{__callback_handle, _export_handle_cabi};
use std::alloc::{Layout, dealloc};

/// Of `request` in `wit/handler.wit`, by the canonical ABI.
const REQUEST: Layout = match Layout::from_size_align(208, 8) {
    Ok(layout) => layout,
    Err(_) => panic!("the layout is one"),
};

#[unsafe(export_name = "[async-lift]patchboard:handler/handler@0.2.0#handle")]
unsafe extern "C" fn handle(request: *mut u8) -> i32 {
    // SAFETY: the host calls this, with a request that it has written to memory from
    // `cabi_realloc`. The task is polled once before this returns, and it reads the whole
    // request before it does anything else.
    unsafe {
        let status = _export_handle_cabi::<Component>(request);
        dealloc(request, REQUEST);
        status
    }
}

#[unsafe(export_name = "[callback][async-lift]patchboard:handler/handler@0.2.0#handle")]
unsafe extern "C" fn callback(event: u32, waitable: u32, code: u32) -> u32 {
    // SAFETY: the host calls this, of the events of a task that `handle` began.
    unsafe { __callback_handle(event, waitable, code) }
}
