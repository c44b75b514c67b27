//! The `outgoing-response` of `wasi:http` 0.2, where the stock one does not say how its body
//! has ended: it takes a body that nobody finished, since the guest trapped or returned, for
//! one that is complete; and it holds a body that nobody may send to its announced length.
//!
//! All else is the stock implementation.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime::{AsContextMut as _, StoreContextMut};
use wasmtime_wasi_http::p2::bindings::http::types::{
    self, ErrorCode, HostOutgoingBody as _, HostOutgoingResponse as _,
};
use wasmtime_wasi_http::p2::body::{HostOutgoingBody, HyperOutgoingBody};
use wasmtime_wasi_http::p2::types::HostOutgoingResponse;
use wasmtime_wasi_http::{Error, FieldMap, WasiHttpView as _};

use crate::handlers::body_end::BodyEnd;
use crate::handlers::content::has_content;
use crate::handlers::grants::held::End;
use crate::handlers::state::{State, current_record};

const TYPES: &str = "wasi:http/types@0.2.12";

/// Puts our functions in the place of the stock ones.
pub(in crate::handlers) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance(TYPES)?;
    types.func_wrap("[method]outgoing-response.body", |store, (response,)| Ok((body(store, response)?,)))?;
    types.func_wrap("[static]outgoing-body.finish", |store, (body, trailers)| {
        Ok((finish(store, body, trailers)?,))
    })?;
    let outgoing = ResourceType::host::<HostOutgoingBody>();
    types.resource("outgoing-body", outgoing, give_up)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn body(
    mut store: StoreContextMut<'_, State>,
    response: Resource<HostOutgoingResponse>,
) -> wasmtime::Result<Result<Resource<HostOutgoingBody>, ()>> {
    let record = current_record(store.as_context_mut())?;
    let made = store.data_mut().http().table.get_mut(&response)?;
    // The announced length of a response without content is that of what is not sent.
    let is_held = record.as_ref().is_none_or(|record| has_content(&record.head.parts.method, made.status));
    let headers = (!is_held).then(|| std::mem::take(&mut made.headers));
    let body = store.data_mut().http().body(Resource::new_borrow(response.rep()))?;
    let made = store.data_mut().http().table.get_mut(&response)?;
    if let Some(headers) = headers {
        made.headers = headers;
    }
    if let (Ok(guests), Some(record)) = (&body, record)
        && let Some(inner) = made.body.take()
    {
        let end = Arc::new(BodyEnd::default());
        made.body = Some(FinishedBody { inner, end: end.clone() }.boxed_unsync());
        record.end_with(Arc::downgrade(&end) as Weak<dyn End>);
        store.data_mut().response_bodies.insert(guests.rep(), end);
    }
    Ok(body)
}

fn finish(
    mut store: StoreContextMut<'_, State>,
    body: Resource<HostOutgoingBody>,
    trailers: Option<Resource<FieldMap>>,
) -> wasmtime::Result<Result<(), ErrorCode>> {
    let state = store.data_mut();
    let end = state.response_bodies.remove(&body.rep());
    match state.http().finish(body, trailers) {
        Ok(()) => {
            if let Some(end) = end {
                end.finish();
            }
            Ok(Ok(()))
        }
        Err(error) => Ok(Err(error.downcast()?)),
    }
}

/// A body that was given up is not finished; the stock type tells its reader.
fn give_up(mut store: StoreContextMut<'_, State>, body: u32) -> wasmtime::Result<()> {
    let state = store.data_mut();
    state.response_bodies.remove(&body);
    types::HostOutgoingBody::drop(&mut state.http(), Resource::new_own(body))
}

/// A body that ends cleanly only where its guest has finished it.
struct FinishedBody {
    inner: HyperOutgoingBody,
    end: Arc<BodyEnd>,
}

impl Body for FinishedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        match frame {
            Poll::Ready(Some(_)) => frame,
            _ if self.end.is_finished() => frame,
            // Nobody is left to write.
            Poll::Ready(None) => Poll::Ready(Some(Err(Error::HttpResponseIncomplete))),
            Poll::Pending => self.end.poll_over(cx).map(|()| Some(Err(Error::HttpResponseIncomplete))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
