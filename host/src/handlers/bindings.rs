//! The host's side of `wit/handler.wit`, made at compile time.

#![allow(missing_docs, reason = "generated; wit/handler.wit has the documentation")]

wasmtime::component::bindgen!({
    path: "../wit",
    inline: "
        package patchboard:host;

        world host {
            import patchboard:handler/routing@0.1.0;
            export patchboard:handler/handler@0.1.0;
        }
    ",
    world: "patchboard:host/host",
    imports: { "patchboard:handler/routing.static-url": trappable, default: store | trappable },
    exports: { default: async | store },
    require_store_data_send: true,
});

pub(super) use patchboard::handler::{routing, types};
