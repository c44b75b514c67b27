//! A component of `wasi:http/proxy@0.2` that keeps values by `wasi:keyvalue`, as others
//! make them: it goes through all three interfaces, and answers with what it has seen.
//!
//! The end of its path is the name of the bucket; after `/hoard/`, it keeps the values
//! of many `cas` handles there.

use std::io::Write as _;

use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

use self::bindings::wasi::keyvalue::atomics::{Cas, CasError, increment, swap};
use self::bindings::wasi::keyvalue::batch::{delete_many, get_many, set_many};
use self::bindings::wasi::keyvalue::store::{Bucket, Error, open};

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

            world p2-key-value {
                import wasi:keyvalue/store@0.2.0-draft2;
                import wasi:keyvalue/atomics@0.2.0-draft2;
                import wasi:keyvalue/batch@0.2.0-draft2;
            }
        ",
        generate_all,
    });
}

struct KeyValue;

/// The export itself, generated.
#[allow(unsafe_code, reason = "generated")]
mod export {
    use super::KeyValue;

    wasip2::http::proxy::export!(KeyValue);
}

impl wasip2::exports::http::incoming_handler::Guest for KeyValue {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        let outcome = open(name).and_then(|bucket| match path.contains("/hoard/") {
            true => hoard(&bucket),
            false => all(&bucket),
        });
        let text = outcome.unwrap_or_else(|error| format!("error: {error:?}"));
        if let Err(error) = respond(out, &text) {
            eprintln!("p2-key-value: {error}");
        }
    }
}

fn all(bucket: &Bucket) -> Result<String, Error> {
    let pairs = [("a", "1"), ("b", "2"), ("c", "3")];
    set_many(bucket, &pairs.map(|(key, value)| (key.to_owned(), value.into())))?;
    bucket.delete("b")?;
    bucket.set("d", b"4")?;
    let many = get_many(bucket, &["a", "b", "d"].map(str::to_owned))?;
    let exists = (bucket.exists("a")?, bucket.exists("b")?);
    let sum = increment(bucket, "a", 41)?;
    let cas = Cas::new(bucket, "c")?;
    let before = cas.current()?;
    // Another comes between.
    bucket.set("c", b"5")?;
    let swapped = match swap(cas, b"lost") {
        Ok(()) => "swapped at once".to_owned(),
        Err(CasError::StoreError(error)) => return Err(error),
        Err(CasError::CasFailed(cas)) => {
            let found = cas.current()?;
            format!("{found:?} {:?}", swap(cas, b"6").is_ok())
        }
    };
    let value = bucket.get("c")?;
    let page = bucket.list_keys(None)?;
    delete_many(bucket, &page.keys)?;
    let left = bucket.list_keys(None)?.keys;
    Ok(format!(
        "{many:?} {exists:?} {sum} {before:?} {swapped} {value:?} {:?} {:?} {left:?}",
        page.keys, page.cursor
    ))
}

/// Keeps handles of a large value until the host has had enough.
fn hoard(bucket: &Bucket) -> Result<String, Error> {
    bucket.set("large", &vec![b'x'; 1 << 20])?;
    let mut hoard = Vec::new();
    loop {
        match Cas::new(bucket, "large") {
            Ok(cas) => hoard.push(cas),
            Err(error) => {
                let count = hoard.len();
                hoard.clear();
                // What they held is free again.
                Cas::new(bucket, "large")?;
                return Ok(format!("{count} {error:?}"));
            }
        }
    }
}

fn respond(out: ResponseOutparam, text: &str) -> Result<(), Box<dyn std::error::Error>> {
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().map_err(|()| "the body was taken")?;
    ResponseOutparam::set(out, Ok(response));
    let mut content = body.write().map_err(|()| "the body was taken")?;
    content.write_all(text.as_bytes())?;
    content.flush()?;
    drop(content);
    OutgoingBody::finish(body, None)?;
    Ok(())
}
