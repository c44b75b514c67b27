//! A component of `wasi:http/proxy@0.2` that keeps objects by `wasi:blobstore`, as others
//! make them: it goes through all three interfaces, and answers with what it has seen.
//!
//! The end of its path is the name of the container.

use std::io::Write as _;

use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

use self::bindings::wasi::blobstore::blobstore::{
    ObjectId, container_exists, copy_object, create_container, delete_container, get_container, move_object,
};
use self::bindings::wasi::blobstore::container::Container;
use self::bindings::wasi::blobstore::types::{IncomingValue, OutgoingValue};

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

            world p2-blob {
                import wasi:blobstore/types@0.2.0-draft;
                import wasi:blobstore/container@0.2.0-draft;
                import wasi:blobstore/blobstore@0.2.0-draft;
            }
        ",
        generate_all,
    });
}

struct Blob;

/// The export itself, generated.
#[allow(unsafe_code, reason = "generated")]
mod export {
    use super::Blob;

    wasip2::http::proxy::export!(Blob);
}

impl wasip2::exports::http::incoming_handler::Guest for Blob {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        let text = all(name).unwrap_or_else(|error| format!("error: {error}"));
        if let Err(error) = respond(out, &text) {
            eprintln!("p2-blob: {error}");
        }
    }
}

fn all(name: &str) -> Result<String, String> {
    let container = get_container(name)?;
    let mut seen = vec![format!("{} {}", container.name()?, container_exists(name)?)];
    write(&container, "a/b", &[b"0123".repeat(10_000), b"456789".to_vec()].concat())?;
    write(&container, "empty", b"")?;
    // All in the buffer before it is said where to, which is as good.
    let early = OutgoingValue::new_outgoing_value();
    let body = early.outgoing_value_write_body().map_err(|()| "it is taken")?;
    body.blocking_write_and_flush(b"early").map_err(|error| format!("{error:?}"))?;
    drop(body);
    container.write_data("early", &early)?;
    seen.push(format!("{}", container.has_object("early")?));
    OutgoingValue::finish(early)?;
    // Dropped, not finished.
    let dropped = OutgoingValue::new_outgoing_value();
    container.write_data("dropped", &dropped)?;
    drop(dropped);
    let info = container.object_info("a/b")?;
    seen.push(format!("{} {} {} {}", info.name, info.container, info.size, info.created_at > 1_700_000_000));
    let part = container.get_data("a/b", 39_998, 40_002)?;
    seen.push(format!("{} {}", part.size(), text(IncomingValue::incoming_value_consume_sync(part)?)));
    let stream = IncomingValue::incoming_value_consume_async(container.get_data("a/b", 0, u64::MAX)?)?;
    let mut length = 0;
    while let Ok(bytes) = stream.blocking_read(10_000) {
        length += bytes.len();
    }
    let empty = container.get_data("empty", 0, u64::MAX)?.size();
    seen.push(format!("{length} {empty}"));
    let id = |object: &str| ObjectId { container: name.to_owned(), object: object.to_owned() };
    copy_object(&id("early"), &id("copy"))?;
    move_object(&id("early"), &id("moved"))?;
    let names = container.list_objects()?;
    let first = names.skip_stream_object_names(1)?;
    seen.push(format!("{first:?} {:?}", names.read_stream_object_names(10)?));
    container.delete_object("copy")?;
    container.delete_objects(&["moved".to_owned(), "absent".to_owned()])?;
    seen.push(format!("{:?}", container.list_objects()?.read_stream_object_names(1)?));
    container.clear()?;
    seen.push(format!("{:?}", container.list_objects()?.read_stream_object_names(10)?));
    seen.push(format!("{:?}", container.get_data("a/b", 0, 1).err()));
    seen.push(format!("{:?}", container.write_data("../x", &OutgoingValue::new_outgoing_value()).err()));
    seen.push(format!("{:?} {:?}", create_container("new").is_err(), delete_container(name).is_err()));
    Ok(seen.join("\n"))
}

fn write(container: &Container, name: &str, bytes: &[u8]) -> Result<(), String> {
    let value = OutgoingValue::new_outgoing_value();
    container.write_data(name, &value)?;
    let body = value.outgoing_value_write_body().map_err(|()| "it is taken")?;
    for chunk in bytes.chunks(4096) {
        body.blocking_write_and_flush(chunk).map_err(|error| format!("{error:?}"))?;
    }
    drop(body);
    OutgoingValue::finish(value)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
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
