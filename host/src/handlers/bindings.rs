//! The host's side of `wit/`, made at compile time. What is awaited is linked by hand, in
//! both of its forms (`imports/awaited.rs`), with the types that are made here.

#![allow(missing_docs, reason = "generated; the files in wit/ have the documentation")]

wasmtime::component::bindgen!({
    path: "../wit",
    inline: "
        package patchboard:host;

        world host {
            import patchboard:handler/routing@0.2.0;
            import patchboard:handler/blob-types@0.2.0;
            import patchboard:handler/outbound-types@0.2.0;
            import patchboard:handler/sql-types@0.2.0;
            export patchboard:handler/handler@0.2.0;
        }
    ",
    world: "patchboard:host/host",
    imports: { "patchboard:handler/routing.static-url": trappable, default: store | trappable },
    exports: { default: async | store },
    require_store_data_send: true,
});

pub(super) use patchboard::handler::{blob_types, outbound_types, routing, sql_types, types};
