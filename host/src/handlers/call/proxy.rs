//! Calls through `wasi:http/proxy@0.2`: the response comes while the guest still
//! runs, since it writes its body before it returns.

use wasmtime::AsContextMut as _;
use wasmtime::component::Accessor;
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::p2::bindings::Proxy;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;

use crate::handlers::CallError;
use crate::handlers::instance::{Answer, Job};
use crate::handlers::state::{CallRecord, State};

pub(super) async fn run(accessor: &Accessor<State>, proxy: &Proxy, job: Job) -> wasmtime::Result<()> {
    let handle = proxy.wasi_http_incoming_handler().func_handle();
    let request = super::standard_request(&job.head, job.body);
    let (sender, response) = tokio::sync::oneshot::channel();
    let (call, task, record) = accessor.with(|mut access| {
        let mut http = access.get().http();
        let request = http.new_incoming_request(Scheme::Http, request)?;
        let out = http.new_response_outparam(sender)?;
        let call = handle.start_call_concurrent(access.as_context_mut(), (request, out))?;
        let task = call.task();
        let record = super::record(&mut access, task, job.head, job.answer);
        wasmtime::error::Ok((call, task, record))
    })?;
    let respond = async {
        let answer = match response.await {
            Ok(Ok(response)) => Answer::Response(super::standard_response(response)),
            Ok(Err(error)) => Answer::Failed(CallError::PassedOn(format!("{error:?}"))),
            // Dropped unset: the guest trapped, which is answered where the store ends,
            // or it returned, which is answered below.
            Err(_) => return,
        };
        record.answer(answer);
    };
    let (returned, ()) =
        futures_util::future::join(handle.finish_call_concurrent(accessor, call), respond).await;
    returned?;
    record.answer(Answer::Failed(CallError::NoResponse));
    CallRecord::forget(accessor, task);
    Ok(())
}
