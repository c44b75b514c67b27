//! Which call is on the stack: all that is read of wasmtime's `async_call_stack`.
//!
//! Upstream has found it unsound for composed components (wasmtime issue 14247), and
//! replaces it after version 48; so nothing else reads it.

use wasmtime::StoreContextMut;
use wasmtime::component::GuestTaskId;

/// The outermost task of what runs now, or ran when the store trapped.
pub(super) fn outermost_task<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
) -> wasmtime::Result<Option<GuestTaskId>> {
    Ok(store.async_call_stack()?.last())
}
