//! The bindings of `wit/handler.wit`, generated.
//!
//! The inline world is `patchboard:handler/service` without the WASI it includes:
//! std brings the bindings of 0.2, the `wasip3` crate those of 0.3, and a
//! component imports only what it uses.

#![allow(missing_docs, unreachable_pub, unsafe_code, unused_qualifications)]

wit_bindgen::generate!({
    path: "wit",
    inline: r"
        package patchboard:sdk;

        world service {
            import patchboard:handler/call@0.2.0;
            import patchboard:handler/outbound@0.2.0;
            import patchboard:handler/routing@0.2.0;
            import wasi:logging/logging@0.1.0-draft;
            export patchboard:handler/handler@0.2.0;
        }
    ",
    generate_all,
});
