//! The host's side of `wit/blob.wit`, made at compile time.

#![allow(missing_docs, unreachable_pub, reason = "generated; wit/blob.wit has the documentation")]

wasmtime::component::bindgen!({
    path: "../wit",
    inline: "
        package patchboard:host-blob;

        world blob {
            import patchboard:handler/blob@0.1.0;
        }
    ",
    world: "patchboard:host-blob/blob",
    imports: { default: store | trappable },
    require_store_data_send: true,
    with: { "patchboard:handler/blob.folder": super::operation::Handle },
});

pub(super) use patchboard::handler::blob::*;
