//! What the interfaces of key-value buckets have in common: a guest's handles, its errors,
//! and how an operation begins and ends.
//!
//! An operation takes its bucket and its call when it begins, is counted as something
//! that others may notice, and ends where nobody waits for the call any more. What it
//! does is in `patchboard-key-value`; here it gets the guest's types.

use std::sync::Arc;

use patchboard_key_value::{Bucket, Error};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Lower, Resource, ResourceTableError};
use wasmtime_wasi::WasiView as _;

use crate::handlers::grants::logging::{FRAME_BYTES, NAME_BYTES, cut};
use crate::handlers::imports::weight::Weight;
use crate::handlers::state::{CallRecord, State, current_record};

/// `bucket` of all interfaces: what a guest has a handle of.
pub(super) struct BucketHandle(pub(super) Arc<Bucket>);

/// What an operation gives to the guest.
pub(super) type GuestResult<T> = Result<T, GuestError>;

/// `error` of all interfaces.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
pub(super) enum GuestError {
    #[component(name = "no-such-store")]
    NoSuchStore,
    #[component(name = "access-denied")]
    AccessDenied,
    #[component(name = "other")]
    Other(String),
}

impl Weight for GuestError {
    fn weight(&self) -> usize {
        match self {
            Self::NoSuchStore | Self::AccessDenied => 0,
            Self::Other(text) => text.len(),
        }
    }
}

impl From<Error> for GuestError {
    fn from(error: Error) -> Self {
        match error {
            Error::NoSuchStore => Self::NoSuchStore,
            Error::AccessDenied => Self::AccessDenied,
            Error::Other(text) => Self::Other(text),
        }
    }
}

/// `open` of all interfaces.
pub(super) fn open(
    mut store: StoreContextMut<'_, State>,
    (name,): (String,),
) -> wasmtime::Result<GuestResult<Resource<BucketHandle>>> {
    let state = store.data_mut();
    let Some((_, bucket)) = state.grants.key_value.0.iter().find(|(granted, _)| *granted == name) else {
        let handler = &state.handler;
        if state.grants.logging.admit(handler, FRAME_BYTES + name.len().min(NAME_BYTES)) {
            let name = cut(&name, NAME_BYTES).escape_debug();
            tracing::warn!(
                %handler,
                "key-value bucket \"{name}\" is not granted; add it to key_value in [handlers.{handler}]"
            );
        }
        return Ok(Err(GuestError::AccessDenied));
    };
    let handle = BucketHandle(bucket.clone());
    push(&mut store, handle)
}

pub(super) fn drop_handle(mut store: StoreContextMut<'_, State>, handle: u32) -> wasmtime::Result<()> {
    store.data_mut().ctx().table.delete(Resource::<BucketHandle>::new_own(handle))?;
    Ok(())
}

/// A handle of `entry`, unless the instance holds too many of the host's resources.
pub(super) fn push<T: Send + 'static>(
    store: &mut StoreContextMut<'_, State>,
    entry: T,
) -> wasmtime::Result<GuestResult<Resource<T>>> {
    match store.data_mut().ctx().table.push(entry) {
        Ok(handle) => Ok(Ok(handle)),
        Err(ResourceTableError::Full) => Ok(Err(GuestError::Other(
            "the instance holds too many resources of the host (limits.handles); drop some".to_owned(),
        ))),
        Err(error) => Err(error.into()),
    }
}

/// An operation that has begun.
pub(super) struct Operation {
    pub(super) bucket: Arc<Bucket>,
    /// None where no call is being answered.
    call: Option<Arc<CallRecord>>,
}

impl Operation {
    /// To be asked at the import's entry, when the guest's task is on the stack.
    pub(super) fn begin(
        mut store: StoreContextMut<'_, State>,
        handle: &Resource<BucketHandle>,
    ) -> wasmtime::Result<Self> {
        let bucket = store.data_mut().ctx().table.get(handle)?.0.clone();
        Self::begin_with(store, bucket)
    }

    pub(super) fn begin_with(
        mut store: StoreContextMut<'_, State>,
        bucket: Arc<Bucket>,
    ) -> wasmtime::Result<Self> {
        store.data_mut().note_operation();
        Ok(Self { bucket, call: current_record(store)? })
    }

    /// Waits for it, for as long as somebody waits for the call.
    pub(super) async fn wait<T>(&self, operation: impl Future<Output = Result<T, Error>>) -> GuestResult<T> {
        let Some(call) = &self.call else { return Ok(operation.await?) };
        tokio::select! {
            biased;
            () = call.given_up() => {
                Err(GuestError::Other("nobody waits for this call any more".to_owned()))
            }
            done = operation => Ok(done?),
        }
    }
}
