//! `wasi:keyvalue`: its functions wait by holding their instance, so they are linked
//! only where an instance has one call at a time.
//!
//! Of the version before the current one there is what has the same shape, and that is
//! all but `list-keys`, whose cursor was a number, and numbers of the other sign.

use wasmtime::component::{Linker, Resource, ResourceType};

use super::bucket::{BucketHandle, GuestError, GuestResult, Operation, drop_handle, open};
use super::operations::{
    delete, delete_many, exists, get, get_many, held, increment, list_keys, set, set_many,
};
use super::swap;
use crate::handlers::state::State;

/// The proposal's version, and the one before.
const CURRENT: &str = "0.2.0-draft2";
const BEFORE: &str = "0.2.0-draft";

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    for version in [CURRENT, BEFORE] {
        let store = &mut linker.instance(&format!("wasi:keyvalue/store@{version}"))?;
        store.resource("bucket", ResourceType::host::<BucketHandle>(), drop_handle)?;
        store.func_wrap("open", |store, name| Ok((open(store, name)?,)))?;
        held(store, "[method]bucket.get", get)?;
        held(store, "[method]bucket.set", set)?;
        held(store, "[method]bucket.delete", delete)?;
        held(store, "[method]bucket.exists", exists)?;
        if version == CURRENT {
            held(store, "[method]bucket.list-keys", list_keys)?;
        }
        let batch = &mut linker.instance(&format!("wasi:keyvalue/batch@{version}"))?;
        held(batch, "get-many", get_many)?;
        held(batch, "set-many", set_many)?;
        held(batch, "delete-many", delete_many)?;
        let atomics = &mut linker.instance(&format!("wasi:keyvalue/atomics@{version}"))?;
        if version == CURRENT {
            held(atomics, "increment", increment)?;
            swap::add_to_linker(atomics)?;
        } else {
            held(atomics, "increment", increment_unsigned)?;
        }
    }
    Ok(())
}

/// `increment` as it was: of numbers without a sign.
async fn increment_unsigned(
    operation: Operation,
    (bucket, key, delta): (Resource<BucketHandle>, String, u64),
) -> GuestResult<u64> {
    let refuse = |_| GuestError::Other("a number is beyond the range of 64 bits with a sign".to_owned());
    let delta = i64::try_from(delta).map_err(refuse)?;
    let sum = increment(operation, (bucket, key, delta)).await?;
    u64::try_from(sum).map_err(refuse)
}
