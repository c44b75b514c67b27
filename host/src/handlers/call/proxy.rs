//! Calls through `wasi:http/proxy@0.2`: the response comes while the guest still
//! runs, since it writes its body before it returns.

use http_body::Body as _;
use http_body_util::BodyExt as _;
use wasmtime::AsContextMut as _;
use wasmtime::component::Accessor;
use wasmtime_wasi_http::p2::bindings::Proxy;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpView as _};

use super::standard;
use crate::body::Body;
use crate::handlers::error::{CallError, Unfinished};
use crate::handlers::job::{Job, Outcome};
use crate::handlers::state::{CallRecord, State};

pub(super) async fn run(accessor: &Accessor<State>, proxy: &Proxy, job: Job) -> wasmtime::Result<()> {
    let handle = proxy.wasi_http_incoming_handler().func_handle();
    let scheme = match standard::scheme(&job.head) == http::uri::Scheme::HTTPS {
        true => Scheme::Https,
        false => Scheme::Http,
    };
    let request = standard::request(&job.head, job.body);
    let record = accessor.with(|mut access| CallRecord::share(job.head, job.answer, access.get()));
    let entered = accessor.with(|mut access| {
        let respond = record.clone();
        let mut http = access.get().http();
        let request = http.new_incoming_request(scheme, request)?;
        // Answered from within the import: while the guest then waits for its body to be
        // read, it holds the store, and nothing else of this task is polled.
        let out = http.new_response_outparam_from_callback(move |outcome| {
            respond.answer(match outcome {
                Ok(response) => Outcome::Response(response.map(made)),
                Err(error) => Outcome::Failed(CallError::PassedOn(format!("{error:?}"))),
            });
        })?;
        let call = handle.start_call_concurrent(access.as_context_mut(), (request, out))?;
        let task = call.task();
        access.get().begin(task, &record);
        access.get().outbound.begin(&record.head.request_id);
        wasmtime::error::Ok((call, task))
    });
    let (call, task) = match entered {
        Ok(entered) => entered,
        Err(error) => {
            record.not_entered(&error);
            return Ok(());
        }
    };
    handle.finish_call_concurrent(accessor, call).await?;
    record.answer(Outcome::Failed(CallError::NoResponse));
    record.forget(accessor, task);
    Ok(())
}

/// A guest's body as ours.
fn made(body: WasiBody) -> Body {
    if body.is_end_stream() {
        return Body::empty();
    }
    Body::stream(body.map_err(|error| match error {
        Error::HttpResponseIncomplete => Unfinished.into(),
        error => format!("{error:?}").into(),
    }))
}
