//! Tasks that the host knows of.

use super::error::SpawnError;
use crate::service::patchboard::bindings::patchboard::handler::call::{self, TaskError};
use futures_util::future::{Either, select};
use std::pin::pin;

pub(super) fn spawn(
    name: &str,
    future: impl Future<Output = Result<(), String>> + 'static,
) -> Result<(), SpawnError> {
    let task = call::Task::start(name).map_err(|error| match error {
        TaskError::TooMany(text) => SpawnError(text),
        TaskError::NoCall => SpawnError("a task is begun by a call".to_owned()),
    })?;
    wit_bindgen::spawn_local(async move {
        // What is over is dropped where it waits, before the task is.
        let outcome = match select(pin!(future), pin!(task.over())).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => Ok(()),
        };
        if let Err(failure) = outcome {
            task.fail(&failure);
        }
    });
    Ok(())
}

pub(super) async fn draining() {
    call::draining().await;
}
