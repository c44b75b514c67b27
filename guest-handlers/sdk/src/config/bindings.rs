//! The bindings of `wasi:config`, generated.

#![allow(missing_docs, unreachable_pub, unsafe_code, unused_qualifications)]

wit_bindgen::generate!({
    path: "wit",
    inline: r"
        package patchboard:sdk-config;

        world config {
            import wasi:config/store@0.2.0-rc.1;
        }
    ",
    generate_all,
});
