//! `patchboard:handler/key-value`: awaited, so an instance's other calls go on meanwhile.

use bytes::Bytes;
use patchboard_key_value::Swap;
use wasmtime::component::{ComponentType, Linker, Lower, Resource, ResourceType};

use super::bucket::{BucketHandle, GuestError, Operation, drop_handle, open};
use super::operations::{
    awaited, delete, delete_many, exists, get, get_many, increment, list_keys, set, set_many,
};
use crate::handlers::state::State;

const INTERFACE: &str = "patchboard:handler/key-value@0.1.0";

/// `swap-error`.
#[derive(ComponentType, Lower)]
#[component(variant)]
enum SwapError {
    #[component(name = "store-error")]
    StoreError(GuestError),
    #[component(name = "swap-failed")]
    SwapFailed(Option<Bytes>),
}

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let instance = &mut linker.instance(INTERFACE)?;
    instance.resource("bucket", ResourceType::host::<BucketHandle>(), drop_handle)?;
    instance.func_wrap("[static]bucket.open", open)?;
    awaited(instance, "[method]bucket.get", get)?;
    awaited(instance, "[method]bucket.set", set)?;
    awaited(instance, "[method]bucket.delete", delete)?;
    awaited(instance, "[method]bucket.exists", exists)?;
    awaited(instance, "[method]bucket.list-keys", list_keys)?;
    awaited(instance, "[method]bucket.increment", increment)?;
    awaited(instance, "[method]bucket.compare-and-swap", compare_and_swap)?;
    awaited(instance, "[method]bucket.get-many", get_many)?;
    awaited(instance, "[method]bucket.set-many", set_many)?;
    awaited(instance, "[method]bucket.delete-many", delete_many)
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
