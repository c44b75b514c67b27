//! Calls through `patchboard:handler`, our own world: head and small bodies cross in
//! one call, anything else as a stream.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::StatusCode;
use http_body::Frame;
use wasmtime::AsContextMut as _;
use wasmtime::component::{Access, Accessor, TypedFunc};

use super::own_request::Request;
use crate::body::Body;
use crate::handlers::bindings::types;
use crate::handlers::error::CallError;
use crate::handlers::imports::fields;
use crate::handlers::imports::inflow::{self, BodySource};
use crate::handlers::imports::pipe::{Closed, pipe};
use crate::handlers::job::{Job, Outcome};
use crate::handlers::request_body::{BodyFailure, Inbound, RequestBody};
use crate::handlers::state::{CallRecord, State};

/// `handle` of our world.
pub(in crate::handlers) type Handle = TypedFunc<(Request,), (types::Response,)>;

pub(super) async fn run(accessor: &Accessor<State>, handle: Handle, job: Job) -> wasmtime::Result<()> {
    let (call, task, record) = accessor.with(|mut access| {
        let body = match job.body {
            Inbound::Empty => inflow::Body::Empty,
            Inbound::Full(bytes) => inflow::Body::Full(bytes),
            Inbound::Streaming(body) => {
                inflow::Body::Streaming(inflow::stream(access.as_context_mut(), body)?)
            }
        };
        let request = Request::new(&job.head, body);
        let record = CallRecord::share(job.head, job.answer, access.get());
        let call = handle.start_call_concurrent(access.as_context_mut(), (request,))?;
        let task = call.task();
        access.get().calls.insert(task, record.clone());
        wasmtime::error::Ok((call, task, record))
    })?;
    let (response,) = handle.finish_call_concurrent(accessor, call).await?;
    let (answer, closed) = accessor.with(|mut access| answer(&mut access, response))?;
    record.answer(answer);
    if let Some(closed) = closed {
        closed.await;
    }
    record.forget(accessor, task);
    Ok(())
}

impl BodySource for RequestBody {
    fn length(&self) -> Option<u64> {
        self.length()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, types::BodyError>>> {
        self.poll(cx).map_err(types::BodyError::from)
    }
}

impl From<BodyFailure> for types::BodyError {
    fn from(failure: BodyFailure) -> Self {
        match failure {
            BodyFailure::TooLarge => Self::TooLarge,
            BodyFailure::TooSlow => Self::TimedOut,
            BodyFailure::Disconnected => Self::Disconnected,
            BodyFailure::Malformed => Self::Malformed,
        }
    }
}

/// The guest's response as an answer, and where its body streams, when that ends.
fn answer(
    access: &mut Access<'_, State>,
    response: types::Response,
) -> wasmtime::Result<(Outcome, Option<Closed>)> {
    let head = head(response.status, &response.headers);
    let (body, closed, length_known) = match response.body {
        types::Body::Empty => (Body::empty(), None, true),
        types::Body::Full(bytes) => (Body::full(bytes), None, true),
        types::Body::Streaming(stream) => {
            let (content, trailers, body, closed) = pipe(stream.length);
            stream.content.pipe(access.as_context_mut(), content)?;
            stream.trailers.pipe(access.as_context_mut(), trailers)?;
            (Body::stream(body), Some(closed), stream.length.is_some())
        }
    };
    Ok(match head {
        Ok(mut head) => {
            if length_known {
                fields::drop_length(head.headers_mut());
            }
            (Outcome::Response(head.map(|()| body)), closed)
        }
        // The body is dropped, and with it the guest's stream.
        Err(reason) => (Outcome::Failed(CallError::InvalidResponse(reason)), None),
    })
}

fn head(status: u16, headers: &types::Fields) -> Result<http::Response<()>, String> {
    let mut head = http::Response::new(());
    *head.status_mut() = StatusCode::from_u16(status)
        .ok()
        .filter(|status| (200..600).contains(&status.as_u16()))
        .ok_or_else(|| format!("{status} is not a status from 200 to 599"))?;
    *head.headers_mut() = fields::unpack(headers)?;
    Ok(head)
}
