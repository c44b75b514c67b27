//! A handler of our world that keeps values by `wasi:keyvalue`, whose functions hold the
//! instance while they wait, in its current version and in the one before.

use patchboard::get;

mod bindings {
    #![allow(
        missing_docs,
        unreachable_pub,
        unsafe_code,
        unused_qualifications,
        clippy::allow_attributes_without_reason,
        reason = "generated"
    )]

    /// As `wasi:keyvalue` was before: what is used of it.
    pub(crate) mod before {
        wit_bindgen::generate!({
            inline: r"
                package wasi:keyvalue@0.2.0-draft;

                interface store {
                    variant error { no-such-store, access-denied, other(string) }
                    open: func(identifier: string) -> result<bucket, error>;
                    resource bucket {
                        get: func(key: string) -> result<option<list<u8>>, error>;
                    }
                }

                interface atomics {
                    use store.{bucket, error};
                    increment: func(bucket: borrow<bucket>, key: string, delta: u64) -> result<u64, error>;
                }

                world before {
                    import store;
                    import atomics;
                }
            ",
        });
    }

    pub(crate) mod current {
        wit_bindgen::generate!({
            path: "../../../wit",
            inline: r"
                package patchboard:tests;

                world waiting {
                    import wasi:keyvalue/store@0.2.0-draft2;
                }
            ",
            generate_all,
        });
    }
}

use bindings::{before, current};

/// Counts by the version before, and reads by both.
#[get("/waiting")]
async fn waiting() -> String {
    let sum = before::wasi::keyvalue::store::open("default")
        .and_then(|bucket| before::wasi::keyvalue::atomics::increment(&bucket, "n", 2));
    let old = before::wasi::keyvalue::store::open("default").and_then(|bucket| bucket.get("n"));
    let new = current::wasi::keyvalue::store::open("default").and_then(|bucket| bucket.get("n"));
    format!("{sum:?} {old:?} {new:?}")
}
