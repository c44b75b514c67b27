//! Calls through `patchboard:handler`, our own world: head and small bodies cross in
//! one call, anything else as a stream.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::Method;
use http::header::CONTENT_LENGTH;
use http_body::Frame;
use wasmtime::AsContextMut as _;
use wasmtime::component::{Access, Accessor, TypedFunc};

use super::own_request::Request;
use crate::body::Body;
use crate::handlers::bindings::types;
use crate::handlers::content::{final_status, has_content, length};
use crate::handlers::error::CallError;
use crate::handlers::imports::fields;
use crate::handlers::imports::inflow::{self, BodySource};
use crate::handlers::imports::pipe::{Closed, pipe};
use crate::handlers::job::{Job, Outcome};
use crate::handlers::memory::Charge;
use crate::handlers::request_body::{BodyFailure, Inbound, RequestBody};
use crate::handlers::state::{CallRecord, State};

/// What a connection may have of a body without counting it: as much as its buffers.
const SMALL_BYTES: usize = 16 << 10;

/// `handle` of our world.
pub(in crate::handlers) type Handle = TypedFunc<(Request,), (types::Response,)>;

pub(super) async fn run(accessor: &Accessor<State>, handle: Handle, job: Job) -> wasmtime::Result<()> {
    let (record, entered) = accessor.with(|mut access| {
        let record = CallRecord::share(job.head, job.answer, access.get());
        let entered = (|| {
            let body = match job.body {
                Inbound::Empty => inflow::Body::Empty,
                Inbound::Full(bytes) => inflow::Body::Full(bytes),
                Inbound::Streaming(body) => {
                    inflow::Body::Streaming(inflow::stream(access.as_context_mut(), body)?)
                }
            };
            let request = Request::new(&record.head, body);
            let call = handle.start_call_concurrent(access.as_context_mut(), (request,))?;
            let task = call.task();
            access.get().begin(task, &record);
            wasmtime::error::Ok((call, task))
        })();
        (record, entered)
    });
    let (call, task) = match entered {
        Ok(entered) => entered,
        Err(error) => {
            record.not_entered(&error);
            return Ok(());
        }
    };
    let (response,) = handle.finish_call_concurrent(accessor, call).await?;
    let (answer, closed) =
        accessor.with(|mut access| answer(&mut access, &record.head.parts.method, response))?;
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
    method: &Method,
    response: types::Response,
) -> wasmtime::Result<(Outcome, Option<Closed>)> {
    let head = head(response.status, &response.headers);
    let announced = head.as_ref().ok().filter(|head| has_content(method, head.status()));
    let announced = announced.and_then(|head| length(head.headers()).ok()?);
    let (body, closed, tells_length) = match response.body {
        types::Body::Empty => (Body::empty(), None, true),
        types::Body::Full(bytes) => (Body::full(held(access, bytes.into())?), None, true),
        types::Body::Streaming(stream) => {
            let (content, trailers, body, closed) = pipe(access.get(), stream.length.or(announced));
            stream.content.pipe(access.as_context_mut(), content)?;
            stream.trailers.pipe(access.as_context_mut(), trailers)?;
            (Body::stream(body), Some(closed), stream.length.is_some())
        }
    };
    Ok(match head {
        Ok(mut head) => {
            if tells_length && has_content(method, head.status()) {
                // Of a body the world itself tells the length.
                head.headers_mut().remove(CONTENT_LENGTH);
            }
            (Outcome::Response(head.map(|()| body)), closed)
        }
        // The body is dropped, and with it the guest's stream.
        Err(reason) => (Outcome::Failed(CallError::InvalidResponse(reason)), None),
    })
}

/// A body that counts as memory of its instance until it has been sent, unless it is small.
fn held(access: &mut Access<'_, State>, bytes: Bytes) -> wasmtime::Result<Bytes> {
    if bytes.len() <= SMALL_BYTES {
        return Ok(bytes);
    }
    let held = access.get().memory.hold(bytes.len())?;
    Ok(Bytes::from_owner(HeldBytes { bytes, _held: held }))
}

struct HeldBytes {
    bytes: Bytes,
    _held: Charge,
}

impl AsRef<[u8]> for HeldBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn head(status: u16, headers: &types::Fields) -> Result<http::Response<()>, String> {
    let mut head = http::Response::new(());
    *head.status_mut() = final_status(status)?;
    *head.headers_mut() = fields::unpack(headers)?;
    Ok(head)
}
