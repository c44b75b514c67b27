//! The bindings of `wit/sql.wit`, generated.

#![allow(missing_docs, unreachable_pub, unsafe_code, unused_qualifications)]

wit_bindgen::generate!({
    path: "wit",
    inline: r"
        package patchboard:sdk-sql;

        world sql {
            import patchboard:handler/sql@0.2.0;
        }
    ",
    generate_all,
});
