//! The `response` of `wasi:http` 0.3, as a type of our own.
//!
//! The stock type takes a guest's body only after `handle` has returned: the guest's
//! first write waits, and the body never leaves with its head. Ours takes it from
//! `response.new` on, into a bounded pipe, so that a small body is complete when the
//! guest is done. All else of `wasi:http` stays the stock implementation; a response
//! of `client.send` is wrapped.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use tokio::sync::oneshot;
use wasmtime::component::{
    Access, FutureConsumer, FutureReader, Linker, Resource, ResourceType, Source, StreamReader,
};
use wasmtime::{AsContextMut as _, StoreContextMut};
use wasmtime_wasi_http::p3::bindings::http::client::HostWithStore as _;
use wasmtime_wasi_http::p3::bindings::http::types::{ErrorCode, HostResponseWithStore as _};
use wasmtime_wasi_http::p3::{self, Request};
use wasmtime_wasi_http::{FieldMap, WasiHttp, WasiHttpView as _};

use super::pipe::{Closed, PipeBody, Trailers, pipe};
use crate::body::BodyError;
use crate::handlers::grants::outbound::of_call;
use crate::handlers::state::{State, current_record};

const TYPES: &str = "wasi:http/types@0.3.0";
const CLIENT: &str = "wasi:http/client@0.3.0";
/// What a guest hears that asks on for a call that was left.
const GIVEN_UP: &str = "nobody waits for this call any more";

/// What a guest has made, or received.
pub(in crate::handlers) enum Response {
    Made(Box<Made>),
    Received(p3::Response),
}

/// A response that a guest has made.
pub(in crate::handlers) struct Made {
    pub(in crate::handlers) status: StatusCode,
    pub(in crate::handlers) headers: FieldMap,
    pub(in crate::handlers) body: MadeBody,
    pub(in crate::handlers) closed: Closed,
}

type TrailersReader = FutureReader<Result<Option<Resource<FieldMap>>, ErrorCode>>;
type SentReader = FutureReader<Result<(), ErrorCode>>;

/// Puts our `response` in the place of the stock one.
pub(in crate::handlers) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance(TYPES)?;
    types.resource("response", ResourceType::host::<Response>(), |mut store, handle| {
        store.data_mut().http().table.delete(Resource::<Response>::new_own(handle))?;
        Ok(())
    })?;
    types.func_wrap("[static]response.new", |store, (headers, contents, trailers)| {
        new(store, headers, contents, trailers)
    })?;
    types.func_wrap(
        "[method]response.get-status-code",
        |mut store: StoreContextMut<'_, State>, (response,): (Resource<Response>,)| {
            Ok((match store.data_mut().http().table.get(&response)? {
                Response::Made(made) => made.status.as_u16(),
                Response::Received(received) => received.status.as_u16(),
            },))
        },
    )?;
    types.func_wrap(
        "[method]response.set-status-code",
        |mut store: StoreContextMut<'_, State>, (response, status): (Resource<Response>, u16)| {
            let valid = StatusCode::from_u16(status).ok().filter(|_| (100..600).contains(&status));
            let Some(valid) = valid else { return Ok((Err(()),)) };
            match store.data_mut().http().table.get_mut(&response)? {
                Response::Made(made) => made.status = valid,
                Response::Received(received) => received.status = valid,
            }
            Ok((Ok::<(), ()>(()),))
        },
    )?;
    types.func_wrap(
        "[method]response.get-headers",
        |mut store: StoreContextMut<'_, State>, (response,): (Resource<Response>,)| {
            let http = store.data_mut().http();
            let headers = match http.table.get(&response)? {
                Response::Made(made) => made.headers.clone(),
                Response::Received(received) => received.headers.clone(),
            };
            Ok((http.table.push(headers)?,))
        },
    )?;
    types.func_wrap("[static]response.consume-body", |store, (response, sent)| {
        Ok((consume_body(store, response, sent)?,))
    })?;
    linker.instance(CLIENT)?.func_wrap_concurrent("send", |accessor, (request,): (Resource<Request>,)| {
        Box::pin(async move {
            let call = accessor.with(|mut access| current_record(access.as_context_mut()))?;
            let accessor_of_http = accessor.with_getter::<WasiHttp>(State::http);
            let sending = WasiHttp::send(&accessor_of_http, request);
            let sending = of_call(call.as_ref().map(|call| call.head.request_id.clone()), sending);
            let outcome = match call {
                None => sending.await,
                Some(call) => tokio::select! {
                    biased;
                    () = call.given_up() => {
                        let left = ErrorCode::InternalError(Some(GIVEN_UP.to_owned()));
                        return Ok((Err(left),));
                    }
                    outcome = sending => outcome,
                },
            };
            let response = match outcome {
                Ok(response) => response,
                Err(error) => return Ok((Err(error.downcast()?),)),
            };
            accessor.with(|mut access| {
                let http = access.get().http();
                let response = http.table.delete(response)?;
                Ok((Ok(http.table.push(Response::Received(response))?),))
            })
        })
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

fn new(
    mut store: StoreContextMut<'_, State>,
    headers: Resource<FieldMap>,
    contents: Option<StreamReader<u8>>,
    trailers: TrailersReader,
) -> wasmtime::Result<((Resource<Response>, SentReader),)> {
    let http = store.data_mut().http();
    let mut headers = http.table.delete(headers)?;
    headers.set_immutable();
    let announced = announced(&headers);
    let (content, end, body, closed) = pipe(store.data(), announced);
    if let Some(contents) = contents {
        contents.pipe(&mut store, content)?;
    }
    trailers.pipe(&mut store, End(end))?;
    let (sent, was_sent) = oneshot::channel();
    let body = MadeBody { pipe: body, sent: Some(sent) };
    let made = Made { status: StatusCode::OK, headers, body, closed };
    let response = store.data_mut().http().table.push(Response::Made(Box::new(made)))?;
    let was_sent = FutureReader::new(&mut store, async {
        // Of a response that nobody wanted there is nothing to say.
        wasmtime::error::Ok(was_sent.await.unwrap_or(Ok(())))
    })?;
    Ok(((response, was_sent),))
}

/// The length in bytes that `content-length` announces; the stock fields have checked it.
fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// For a guest that reads the body itself: as the stock response has it.
fn consume_body(
    mut store: StoreContextMut<'_, State>,
    response: Resource<Response>,
    sent: SentReader,
) -> wasmtime::Result<(StreamReader<u8>, TrailersReader)> {
    let http = store.data_mut().http();
    let received = match http.table.delete(response)? {
        Response::Received(received) => received,
        Response::Made(made) => {
            let body = http_body_util::BodyExt::map_err(made.body, |error| {
                wasmtime_wasi_http::Error::InternalError(Some(error.to_string()))
            });
            p3::Response::from_http(http.hooks, http::Response::new(body)).0
        }
    };
    let response = http.table.push(received)?;
    WasiHttp::consume_body(Access::<_, WasiHttp>::new(store.as_context_mut(), State::http), response, sent)
}

/// The trailers of a response, for its pipe.
struct End(Trailers);

impl FutureConsumer<State> for End {
    type Item = Result<Option<Resource<FieldMap>>, ErrorCode>;

    fn poll_consume(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut store: StoreContextMut<'_, State>,
        mut source: Source<'_, Self::Item>,
        _: bool,
    ) -> Poll<wasmtime::Result<()>> {
        let mut end = None;
        source.read(store.as_context_mut(), &mut end)?;
        if let Some(end) = end {
            self.0.resolve(match end {
                Ok(None) => Ok(None),
                Ok(Some(trailers)) => Ok(Some(store.data_mut().http().table.delete(trailers)?.into())),
                Err(error) => Err(format!("the handler gave up: {error:?}")),
            });
        }
        Poll::Ready(Ok(()))
    }
}

/// A body that tells its guest whether it was sent.
pub(in crate::handlers) struct MadeBody {
    pipe: PipeBody,
    sent: Option<oneshot::Sender<Result<(), ErrorCode>>>,
}

impl MadeBody {
    /// Nobody reads it, since its response has no content; for its guest it was sent.
    pub(in crate::handlers) fn give_up(&mut self) {
        self.pipe.forget_length();
        if let Some(sent) = self.sent.take() {
            sent.send(Ok(())).ok();
        }
    }
}

impl http_body::Body for MadeBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.pipe).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.pipe.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.pipe.size_hint()
    }
}

impl Drop for MadeBody {
    fn drop(&mut self) {
        let outcome = match self.pipe.is_end_stream() {
            true => Ok(()),
            false => Err(ErrorCode::ConnectionTerminated),
        };
        if let Some(sent) = self.sent.take() {
            sent.send(outcome).ok();
        }
    }
}
