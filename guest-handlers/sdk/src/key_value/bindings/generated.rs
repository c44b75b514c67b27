//! The bindings of `patchboard:handler/key-value`, generated.

#![allow(missing_docs, unreachable_pub, unsafe_code, unused_qualifications)]

wit_bindgen::generate!({
    path: "wit",
    inline: r"
        package patchboard:sdk-key-value;

        world key-value {
            import patchboard:handler/key-value@0.2.0;
        }
    ",
    generate_all,
});
