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
use crate::handlers::memory::Charge;
use crate::handlers::state::State;

/// A key, and the value it had.
struct Cas {
    bucket: Arc<Bucket>,
    key: String,
    found: Option<Bytes>,
    /// For both.
    _held: Option<Charge>,
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
                Ok((keep(&mut store, Cas { bucket: operation.bucket, key, found, _held: None })?,))
            })
        },
    )?;
    atomics.func_wrap("[method]cas.current", |mut store, (cas,): (Resource<Cas>,)| {
        let found = store.data_mut().ctx().table.get(&cas)?.found.clone();
        Ok((GuestResult::Ok(found),))
    })?;
    atomics.func_wrap_async("swap", |mut store, (cas, value): (Resource<Cas>, Bytes)| {
        Box::new(async move {
            let Cas { bucket, key, found, _held } = take(&mut store, cas)?;
            let operation = Operation::begin_with(store.as_context_mut(), bucket)?;
            let swapped = operation.wait(operation.bucket.swap(key.clone(), found, value)).await;
            Ok((match swapped {
                Ok(Swap::Done) => Ok(()),
                Ok(Swap::Found(found)) => {
                    match keep(&mut store, Cas { bucket: operation.bucket, key, found, _held: None })? {
                        Ok(cas) => Err(CasError::CasFailed(cas)),
                        Err(error) => Err(CasError::StoreError(error)),
                    }
                }
                Err(error) => Err(CasError::StoreError(error)),
            },))
        })
    })
}

fn keep(
    store: &mut StoreContextMut<'_, State>,
    mut cas: Cas,
) -> wasmtime::Result<GuestResult<Resource<Cas>>> {
    match store.data_mut().memory.hold(cas.bytes()) {
        Ok(held) => cas._held = Some(held),
        Err(over) => return Ok(Err(Error::Other(over.to_string()).into())),
    }
    push(store, cas)
}

fn take(store: &mut StoreContextMut<'_, State>, cas: Resource<Cas>) -> wasmtime::Result<Cas> {
    Ok(store.data_mut().ctx().table.delete(cas)?)
}

impl Cas {
    fn bytes(&self) -> usize {
        self.key.len() + self.found.as_ref().map_or(0, Bytes::len)
    }
}
