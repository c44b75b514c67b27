//! What the host keeps in an instance's table of resources, for its account.
//!
//! wasmtime's implementation of WASI keeps there whatever its imports keep, so it is looked
//! at as a whole, now and then: fields and heads by what is in them, streams and bodies by
//! what they may buffer, and each entry by what the table has for it. No import of it needs
//! to be known here.

use std::any::Any;

use http::HeaderMap;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::p2::bindings::filesystem::types::DirectoryEntryStream;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};
use wasmtime_wasi_http::p2::bindings::http::types::{Method, Scheme};
use wasmtime_wasi_http::p2::body::{HostFutureTrailers, HostIncomingBody, HostOutgoingBody};
use wasmtime_wasi_http::p2::types::{HostIncomingResponse, HostOutgoingRequest, HostOutgoingResponse};
use wasmtime_wasi_http::{FieldMap, p3};

use super::response::Response;

/// What an entry takes, whatever it is: its place in the table, its box, and its handle.
pub(in crate::handlers) const ENTRY_BYTES: usize = 512;
/// What a stream, or a body, may have read ahead or not written yet.
const BUFFER_BYTES: usize = 64 << 10;
/// The names of a folder, which are read at once.
const FOLDER_BYTES: usize = 1 << 20;
/// What a field takes beside its text.
const FIELD_BYTES: usize = size_of::<http::HeaderName>() + size_of::<http::HeaderValue>() + 24;

/// What is in `table`.
pub(in crate::handlers) fn weigh(table: &mut ResourceTable) -> usize {
    table.iter_mut().map(|entry| ENTRY_BYTES + content(entry)).sum()
}

fn content(entry: &(dyn Any + Send)) -> usize {
    if let Some(map) = entry.downcast_ref::<FieldMap>() {
        fields(map)
    } else if entry.is::<DynInputStream>()
        || entry.is::<DynOutputStream>()
        || entry.is::<HostIncomingBody>()
        || entry.is::<HostFutureTrailers>()
    {
        BUFFER_BYTES
    } else if entry.is::<HostOutgoingBody>() {
        // What has been written, and what is being sent.
        2 * BUFFER_BYTES
    } else if let Some(request) = entry.downcast_ref::<HostOutgoingRequest>() {
        let method = if let Method::Other(method) = &request.method { method.len() } else { 0 };
        let scheme = if let Some(Scheme::Other(scheme)) = &request.scheme { scheme.len() } else { 0 };
        let texts = [&request.authority, &request.path_with_query];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        method + scheme + texts + fields(&request.headers)
    } else if let Some(response) = entry.downcast_ref::<HostOutgoingResponse>() {
        fields(&response.headers)
    } else if let Some(response) = entry.downcast_ref::<HostIncomingResponse>() {
        fields(&response.headers)
    } else if let Some(request) = entry.downcast_ref::<p3::Request>() {
        let authority = request.authority.as_ref().map_or(0, |authority| authority.as_str().len());
        let path = request.path_with_query.as_ref().map_or(0, |path| path.as_str().len());
        request.method.as_str().len() + authority + path + fields(&request.headers)
    } else if let Some(response) = entry.downcast_ref::<Response>() {
        match response {
            Response::Made(made) => fields(&made.headers),
            Response::Received(received) => fields(&received.headers),
        }
    } else if entry.is::<DirectoryEntryStream>() {
        FOLDER_BYTES
    } else {
        0
    }
}

fn fields(fields: &HeaderMap) -> usize {
    fields.iter().map(|(name, value)| FIELD_BYTES + name.as_str().len() + value.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_an_entry_is_counted_with_it() {
        let mut table = ResourceTable::new();
        table.push(()).unwrap();
        assert_eq!(weigh(&mut table), ENTRY_BYTES);
        let mut map = FieldMap::new_mutable(1 << 20);
        let name = http::HeaderName::from_static("x-a");
        map.append_raw(name.clone(), "b".repeat(1000).parse().unwrap()).unwrap();
        map.append_raw(name, "c".parse().unwrap()).unwrap();
        let fields = table.push(map).unwrap();
        let found = weigh(&mut table);
        assert!((2 * ENTRY_BYTES + 1007..2 * ENTRY_BYTES + 1400).contains(&found), "{found}");
        table.delete(fields).unwrap();
        assert_eq!(weigh(&mut table), ENTRY_BYTES);
    }
}
