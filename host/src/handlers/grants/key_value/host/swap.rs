//! `cas` of `wasi:keyvalue/atomics`: a handle of the value that a swap expects.
//!
//! The host keeps that value, so it counts as memory of the instance while the handle
//! lives.

use std::sync::Arc;

use bytes::Bytes;
use patchboard_key_value::{Bucket, Error, Swap};
use wasmtime::component::{ComponentType, LinkerInstance, Lower, Resource, ResourceType};
use wasmtime::{AsContextMut as _, StoreContextMut};
use wasmtime_wasi::WasiView as _;

use super::bucket::{BucketHandle, GuestError, GuestResult, Operation, push};
use crate::handlers::state::State;

/// A key, and the value it had.
struct Cas {
    bucket: Arc<Bucket>,
    key: String,
    found: Option<Bytes>,
}

/// `cas-error`.
#[derive(ComponentType, Lower)]
#[component(variant)]
enum CasError {
    #[component(name = "store-error")]
    StoreError(GuestError),
    #[component(name = "cas-failed")]
    CasFailed(Resource<Cas>),
}

pub(super) fn add_to_linker(atomics: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    atomics.resource("cas", ResourceType::host::<Cas>(), |mut store, handle| {
        take(&mut store, Resource::new_own(handle)).map(drop)
    })?;
    atomics.func_wrap_async(
        "[static]cas.new",
        |mut store, (bucket, key): (Resource<BucketHandle>, String)| {
            Box::new(async move {
                let operation = Operation::begin(store.as_context_mut(), &bucket)?;
                let found = match operation.wait(operation.bucket.get(key.clone())).await {
                    Ok(found) => found,
                    Err(error) => return Ok((Err(error),)),
                };
                Ok((keep(&mut store, Cas { bucket: operation.bucket, key, found })?,))
            })
        },
    )?;
    atomics.func_wrap("[method]cas.current", |mut store, (cas,): (Resource<Cas>,)| {
        let found = store.data_mut().ctx().table.get(&cas)?.found.clone();
        Ok((GuestResult::Ok(found),))
    })?;
    atomics.func_wrap_async("swap", |mut store, (cas, value): (Resource<Cas>, Bytes)| {
        Box::new(async move {
            let Cas { bucket, key, found } = take(&mut store, cas)?;
            let operation = Operation::begin_with(store.as_context_mut(), bucket)?;
            let swapped = operation.wait(operation.bucket.swap(key.clone(), found, value)).await;
            Ok((match swapped {
                Ok(Swap::Done) => Ok(()),
                Ok(Swap::Found(found)) => {
                    match keep(&mut store, Cas { bucket: operation.bucket, key, found })? {
                        Ok(cas) => Err(CasError::CasFailed(cas)),
                        Err(error) => Err(CasError::StoreError(error)),
                    }
                }
                Err(error) => Err(CasError::StoreError(error)),
            },))
        })
    })
}

fn keep(store: &mut StoreContextMut<'_, State>, cas: Cas) -> wasmtime::Result<GuestResult<Resource<Cas>>> {
    let bytes = cas.bytes();
    if !store.data_mut().memory.hold(bytes) {
        let text =
            "the values of its `cas` handles are more than the instance's memory (limits.memory_bytes)";
        return Ok(Err(Error::Other(text.to_owned()).into()));
    }
    let kept = push(store, cas)?;
    if kept.is_err() {
        store.data_mut().memory.release(bytes);
    }
    Ok(kept)
}

fn take(store: &mut StoreContextMut<'_, State>, cas: Resource<Cas>) -> wasmtime::Result<Cas> {
    let cas = store.data_mut().ctx().table.delete(cas)?;
    store.data_mut().memory.release(cas.bytes());
    Ok(cas)
}

impl Cas {
    fn bytes(&self) -> usize {
        self.key.len() + self.found.as_ref().map_or(0, Bytes::len)
    }
}
