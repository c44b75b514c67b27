//! A component of `wasi:http/service@0.3` that is to be composed with another: `…/AFTER/ID`
//! answers what that says of the call `ID`, and what it goes on with is `AFTER`.

use bytes::Bytes;
use http_body_util::Full;
use wasip3::http::types::{ErrorCode, Request, Response};
use wasip3::http_compat::{http_from_wasi_request, http_into_wasi_response};

mod bindings {
    #![allow(
        missing_docs,
        unreachable_pub,
        unsafe_code,
        unused_qualifications,
        clippy::allow_attributes_without_reason,
        reason = "generated"
    )]

    wit_bindgen::generate!({ path: "work.wit", world: "outer" });
}

/// The export itself, generated.
#[allow(unsafe_code, reason = "generated")]
mod export {
    use super::Outer;

    wasip3::http::service::export!(Outer);
}

struct Outer;

impl wasip3::exports::http::handler::Guest for Outer {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let request = http_from_wasi_request(request)?;
        let mut segments = request.uri().path().rsplit('/');
        let (id, after) = (segments.next().unwrap_or_default(), segments.next().unwrap_or_default());
        let said = bindings::patchboard::tests::work::run(id.to_owned(), after.to_owned()).await;
        http_into_wasi_response(http::Response::new(Full::new(Bytes::from(said))))
    }
}
