//! A handler of our world as a toolchain without asynchronous functions makes it: `handle`
//! is lifted synchronously, and waits in the middle of its call, by a function that is
//! lowered synchronously.

mod bindings {
    #![allow(
        missing_docs,
        unreachable_pub,
        unsafe_code,
        unused_qualifications,
        clippy::allow_attributes_without_reason,
        reason = "generated"
    )]

    wit_bindgen::generate!({
        path: "../../../wit",
        inline: r"
            package patchboard:tests;

            world queued {
                import wasi:clocks/monotonic-clock@0.3.0;
                export patchboard:handler/handler@0.2.0;
            }
        ",
        sync: ["all"],
        generate_all,
    });
}

/// The export itself, generated.
#[allow(unsafe_code, reason = "generated")]
mod export {
    use super::{Queued, bindings};

    bindings::export!(Queued with_types_in bindings);
}

use bindings::exports::patchboard::handler::handler::Guest;
use bindings::patchboard::handler::types::{Body, Fields, Request, Response};
use bindings::wasi::clocks0_3_0::monotonic_clock;

struct Queued;

impl Guest for Queued {
    fn handle(request: Request) -> Response {
        if request.path_with_query.ends_with("/wait") {
            monotonic_clock::wait_for(1_000_000_000);
        }
        let headers = Fields { text: Vec::new(), ends: Vec::new() };
        Response { status: 200, headers, body: Body::Full(b"done".to_vec()) }
    }
}
