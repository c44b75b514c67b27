//! What every operation of a blob folder is, whichever interface it comes by.
//!
//! It takes its call when it begins, is counted as something that others may notice, and
//! ends where nobody waits for the call any more. What is open of a folder ends with its
//! call. What it does is in `patchboard-blob`.

use std::sync::Arc;

use patchboard_blob::{Error, Folder};
use wasmtime::StoreContextMut;
use wasmtime::component::{Resource, ResourceTableError};
use wasmtime_wasi::WasiView as _;

use crate::handlers::grants::held::Held;
use crate::handlers::grants::logging::{FRAME_BYTES, NAME_BYTES, cut};
use crate::handlers::state::{CallRecord, State, current_record};

/// What a guest has a handle of.
pub(super) struct Handle(pub(super) Arc<Folder>);

/// The folder that was granted under this name.
pub(super) fn granted(state: &State, name: &str) -> Option<Arc<Folder>> {
    let found = state.grants.blob.0.iter().find(|folder| folder.name() == name).cloned();
    let handler = &state.handler;
    if found.is_none() && state.grants.logging.admit(handler, FRAME_BYTES + name.len().min(NAME_BYTES)) {
        let name = cut(name, NAME_BYTES).escape_debug();
        tracing::warn!(
            %handler,
            "the blob folder {name} is not granted; add blob = \"{name}\" to [handlers.{handler}]"
        );
    }
    found
}

/// A handle of `entry`, unless the instance holds too many of the host's resources.
pub(super) fn push<T: Send + 'static>(
    state: &mut State,
    entry: T,
) -> wasmtime::Result<Result<Resource<T>, Error>> {
    match state.ctx().table.push(entry) {
        Ok(handle) => Ok(Ok(handle)),
        Err(ResourceTableError::Full) => Ok(Err(Error::Other(
            "the instance holds too many resources of the host (limits.handles); drop some".to_owned(),
        ))),
        Err(error) => Err(error.into()),
    }
}

/// Who asks for an operation; none where no call is being answered.
pub(super) struct Operation(Option<Arc<CallRecord>>);

impl Operation {
    /// To be asked at the import's entry, when the guest's task is on the stack.
    pub(super) fn begin(mut store: StoreContextMut<'_, State>) -> wasmtime::Result<Self> {
        store.data_mut().note_operation();
        Ok(Self(current_record(store)?))
    }

    /// Waits for it, for as long as somebody waits for the call.
    pub(super) async fn wait<T>(
        &self,
        operation: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let Some(call) = &self.0 else { return operation.await };
        tokio::select! {
            biased;
            () = call.given_up() => {
                Err(Error::Other("nobody waits for this call any more".to_owned()))
            }
            done = operation => done,
        }
    }

    /// `value`, until the call has ended.
    pub(super) fn hold<T: Clone + Send + 'static>(&self, value: T) -> Held<T> {
        let held = Held::new(value);
        if let Some(call) = &self.0 {
            call.hold(&held);
        }
        held
    }
}
