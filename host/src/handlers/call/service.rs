//! Calls through `wasi:http/service@0.3`.

use std::pin::Pin;

use wasmtime::AsContextMut as _;
use wasmtime::component::Accessor;
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::p3::Request;
use wasmtime_wasi_http::p3::bindings::Service;

use crate::handlers::CallError;
use crate::handlers::instance::{Answer, Job};
use crate::handlers::state::{CallRecord, State};

pub(super) async fn run(accessor: &Accessor<State>, service: &Service, job: Job) -> wasmtime::Result<()> {
    let handle = service.wasi_http_handler().func_handle();
    let request = super::standard_request(&job.head, job.body);
    let (call, sent, task, record) = accessor.with(|mut access| {
        let record = CallRecord::share(job.head, job.answer, access.get());
        let (request, sent) = Request::from_http(&mut access.get().outbound, request);
        let sent: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(sent);
        let request = access.get().http().table.push(request)?;
        let call = handle.start_call_concurrent(access.as_context_mut(), (request,))?;
        let task = call.task();
        access.get().calls.insert(task, record.clone());
        wasmtime::error::Ok((call, sent, task, record))
    })?;
    let (outcome,) = handle.finish_call_concurrent(accessor, call).await?;
    let answer = match outcome {
        Err(error) => Answer::Failed(CallError::PassedOn(format!("{error:?}"))),
        Ok(response) => accessor.with(|mut access| {
            let response = access.get().http().table.delete(response)?;
            // An invalid response is this call's failure, not the store's.
            wasmtime::error::Ok(match response.into_http(access.as_context_mut(), sent) {
                Ok(response) => Answer::Response(super::standard_response(response)),
                Err(error) => Answer::Failed(CallError::InvalidResponse(format!("{error:#}"))),
            })
        })?,
    };
    record.answer(answer);
    CallRecord::forget(accessor, task);
    Ok(())
}
