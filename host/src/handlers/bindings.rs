//! The host's side of `wit/`, made at compile time.

#![allow(missing_docs, reason = "generated; the files in wit/ have the documentation")]

wasmtime::component::bindgen!({
    path: "../wit",
    inline: "
        package patchboard:host;

        world host {
            import patchboard:handler/routing@0.1.0;
            import patchboard:handler/sql@0.1.0;
            export patchboard:handler/handler@0.1.0;
        }
    ",
    world: "patchboard:host/host",
    imports: { "patchboard:handler/routing.static-url": trappable, default: store | trappable },
    exports: { default: async | store },
    require_store_data_send: true,
    with: {
        "patchboard:handler/sql.cursor": crate::handlers::grants::sql::Cursor,
        "patchboard:handler/sql.database": patchboard_sql::Database,
        "patchboard:handler/sql.transaction": crate::handlers::grants::sql::Transaction,
    },
});

pub(super) use patchboard::handler::{routing, sql, types};
