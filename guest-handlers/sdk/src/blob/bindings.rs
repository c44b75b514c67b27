//! The bindings of `patchboard:handler/blob`, generated.

#![allow(missing_docs, unreachable_pub, unsafe_code, unused_qualifications)]

wit_bindgen::generate!({
    path: "wit",
    inline: r"
        package patchboard:sdk-blob;

        world blob {
            import patchboard:handler/blob@0.2.0;
        }
    ",
    generate_all,
});
