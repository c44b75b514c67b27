//! `patchboard:handler/key-value`: awaited, so an instance's other calls go on meanwhile.

use bytes::Bytes;
use patchboard_key_value::Swap;
use wasmtime::component::{ComponentType, Lift, Linker, Lower, Resource};

use super::bucket::{BucketHandle, GuestError, Operation, open};
use super::operations::{
    awaited, delete, delete_many, exists, get, get_many, increment, list_keys, set, set_many,
};
use crate::handlers::imports::awaited::link_both;
use crate::handlers::imports::weight::Weight;
use crate::handlers::state::State;

/// `swap-error`.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum SwapError {
    #[component(name = "store-error")]
    StoreError(GuestError),
    #[component(name = "swap-failed")]
    SwapFailed(Option<Bytes>),
}

impl Weight for SwapError {
    fn weight(&self) -> usize {
        match self {
            Self::StoreError(error) => error.weight(),
            Self::SwapFailed(found) => found.weight(),
        }
    }
}

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    link_both(linker, "key-value", |interface| {
        interface.resource::<BucketHandle>("bucket", |_, _| {})?;
        interface.function("[static]bucket.open", open)?;
        awaited(interface, "[method]bucket.get", get)?;
        awaited(interface, "[method]bucket.set", set)?;
        awaited(interface, "[method]bucket.delete", delete)?;
        awaited(interface, "[method]bucket.exists", exists)?;
        awaited(interface, "[method]bucket.list-keys", list_keys)?;
        awaited(interface, "[method]bucket.increment", increment)?;
        awaited(interface, "[method]bucket.compare-and-swap", compare_and_swap)?;
        awaited(interface, "[method]bucket.get-many", get_many)?;
        awaited(interface, "[method]bucket.set-many", set_many)?;
        awaited(interface, "[method]bucket.delete-many", delete_many)
    })
}

async fn compare_and_swap(
    operation: Operation,
    (_, key, expected, value): (Resource<BucketHandle>, String, Option<Bytes>, Bytes),
) -> Result<(), SwapError> {
    match operation.wait(operation.bucket.swap(key, expected, value)).await {
        Ok(Swap::Done) => Ok(()),
        Ok(Swap::Found(found)) => Err(SwapError::SwapFailed(found)),
        Err(error) => Err(SwapError::StoreError(error)),
    }
}
