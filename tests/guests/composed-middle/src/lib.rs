//! A component between two others: it asks the inner one for what the outer one asks of it.

mod bindings {
    #![allow(
        missing_docs,
        unreachable_pub,
        unsafe_code,
        unused_qualifications,
        clippy::allow_attributes_without_reason,
        reason = "generated"
    )]

    wit_bindgen::generate!({ path: "../composed-outer/work.wit", world: "middle" });
}

/// The export itself, generated.
#[allow(unsafe_code, reason = "generated")]
mod export {
    use super::{Middle, bindings};

    bindings::export!(Middle with_types_in bindings);
}

struct Middle;

impl bindings::exports::patchboard::tests::work::Guest for Middle {
    async fn run(id: String, after: String) -> String {
        bindings::patchboard::tests::work::run(id, after).await
    }
}
