//! Calls through `wasi:http/service@0.3`.

use std::pin::Pin;

use wasmtime::AsContextMut as _;
use wasmtime::component::{Accessor, Resource, TypedFunc};
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::p3::Request;
use wasmtime_wasi_http::p3::bindings::http::types::ErrorCode;

use super::standard;
use crate::body::Body;
use crate::handlers::content::has_content;
use crate::handlers::error::CallError;
use crate::handlers::imports::response::{Made, Response};
use crate::handlers::job::{Job, Outcome};
use crate::handlers::state::{CallRecord, State};

/// `handle` of `wasi:http/handler@0.3`.
pub(in crate::handlers) type Handle =
    TypedFunc<(Resource<Request>,), (Result<Resource<Response>, ErrorCode>,)>;

pub(super) async fn run(accessor: &Accessor<State>, handle: Handle, job: Job) -> wasmtime::Result<()> {
    let request = standard::request(&job.head, job.body);
    let record = accessor.with(|mut access| CallRecord::share(job.head, job.answer, access.get()));
    let entered = accessor.with(|mut access| {
        let (request, sent) = Request::from_http(&mut access.get().outbound, request);
        let sent: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(sent);
        let request = access.get().http().table.push(request)?;
        let call = handle.start_call_concurrent(access.as_context_mut(), (request,))?;
        let task = call.task();
        access.get().begin(task, &record);
        wasmtime::error::Ok((call, sent, task))
    });
    let (call, sent, task) = match entered {
        Ok(entered) => entered,
        Err(error) => {
            record.not_entered(&error);
            return Ok(());
        }
    };
    let (outcome,) = handle.finish_call_concurrent(accessor, call).await?;
    let response = match outcome {
        Ok(response) => accessor.with(|mut access| access.get().http().table.delete(response))?,
        Err(error) => {
            record.answer(Outcome::Failed(CallError::PassedOn(format!("{error:?}"))));
            record.forget(accessor, task);
            return Ok(());
        }
    };
    match response {
        Response::Made(made) => {
            let Made { status, headers, mut body, closed } = *made;
            let mut response = http::Response::new(());
            *response.status_mut() = status;
            *response.headers_mut() = headers.into();
            if !has_content(&record.head.parts.method, status) {
                body.give_up();
            }
            record.answer(Outcome::Response(response.map(|()| Body::stream(body))));
            closed.await;
        }
        // What came from elsewhere is passed on as it is.
        Response::Received(mut received) => {
            // What has no content may tell the length of what it would have.
            let is_held = has_content(&record.head.parts.method, received.status);
            let headers = (!is_held).then(|| std::mem::take(&mut received.headers));
            let response = accessor.with(|mut access| received.into_http(access.as_context_mut(), sent));
            let response = response.map(|mut response| {
                if let Some(headers) = headers {
                    *response.headers_mut() = headers.into();
                }
                response
            });
            // An invalid response is this call's failure, not the store's.
            record.answer(match response {
                Ok(response) => Outcome::Response(standard::response(response)),
                Err(error) => Outcome::Failed(CallError::InvalidResponse(format!("{error:#}"))),
            });
        }
    }
    record.forget(accessor, task);
    Ok(())
}
