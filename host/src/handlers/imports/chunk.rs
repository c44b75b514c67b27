//! Bytes of the host's on their way into a guest's stream.

use bytes::{Buf as _, Bytes};
use wasmtime::StoreContextMut;
use wasmtime::component::{Destination, StreamResult};

use crate::handlers::state::State;

/// Writes what the guest has room for, and leaves the rest in `chunk`.
pub(in crate::handlers) fn write(
    chunk: &mut Bytes,
    store: StoreContextMut<'_, State>,
    destination: Destination<'_, u8, Bytes>,
) -> StreamResult {
    let mut destination = destination.as_direct(store, chunk.len());
    let room = destination.remaining();
    let length = room.len().min(chunk.len());
    if let (Some(room), Some(bytes)) = (room.get_mut(..length), chunk.get(..length)) {
        room.copy_from_slice(bytes);
    }
    destination.mark_written(length);
    chunk.advance(length);
    StreamResult::Completed
}
