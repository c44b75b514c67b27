//! `patchboard:handler/outbound`: head and small body cross at once, both ways.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HOST};
use http::{Method, Uri};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt as _, Empty, Full};
use wasmtime::component::{ComponentType, Lift, Linker, Lower};
use wasmtime::{AsContextMut as _, StoreContextMut};
use wasmtime_wasi_http::{Error as WasiError, WasiBody};

use crate::handlers::bindings::outbound_types::{Error, Request, Wait};
use crate::handlers::bindings::types;
use crate::handlers::grants::outbound::response::ResponseBody;
use crate::handlers::grants::outbound::send::{Failure, Timeouts, io_kind, root_cause};
use crate::handlers::imports::awaited::link_both;
use crate::handlers::imports::fields;
use crate::handlers::imports::inflow::{self, Body, BodySource};
use crate::handlers::imports::pipe::pipe;
use crate::handlers::imports::weight::Weight;
use crate::handlers::state::{State, current_record};

/// A body this long or shorter crosses with the head, if it is there already.
const INLINE_BYTES: usize = 64 << 10;

/// `response` of `outbound-types`, whose body is not copied once more.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct Response {
    status: u16,
    headers: types::Fields,
    body: Body,
}

/// What has come of a response when its head has.
enum Come {
    Whole(BytesMut),
    Part(Part),
}

/// A body that is not complete yet.
struct Part {
    ready: VecDeque<Piece>,
    rest: ResponseBody,
}

/// A piece of a body, or why there is none.
type Piece = Result<Frame<Bytes>, types::BodyError>;

type Answer = Result<(http::response::Parts, Come), Error>;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    link_both(linker, "outbound", |interface| interface.awaited("send", send, answer))
}

impl Weight for Request {
    fn weight(&self) -> usize {
        let method = if let types::Method::Other(method) = &self.method { method.len() } else { 0 };
        let body = if let types::Body::Full(bytes) = &self.body { bytes.len() } else { 0 };
        method + self.url.len() + self.headers.text.len() + self.headers.ends.weight() + body
    }
}

impl Weight for http::response::Parts {
    fn weight(&self) -> usize {
        self.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
    }
}

impl Weight for Come {
    fn weight(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::Part(part) => part.ready.iter().flatten().filter_map(Frame::data_ref).map(Bytes::len).sum(),
        }
    }
}

impl Weight for Error {
    fn weight(&self) -> usize {
        match self {
            Self::InvalidUrl(text)
            | Self::InvalidRequest(text)
            | Self::NotGranted(text)
            | Self::ProhibitedAddress(text)
            | Self::Dns(text)
            | Self::Tls(text)
            | Self::Refused(text)
            | Self::Disconnected(text)
            | Self::Malformed(text)
            | Self::Other(text) => text.len(),
            Self::TimedOut(_) | Self::TooManyRequests => 0,
        }
    }
}

fn send(
    mut store: StoreContextMut<'_, State>,
    (request,): (Request,),
) -> wasmtime::Result<impl Future<Output = Answer> + Send + use<>> {
    let call = current_record(store.as_context_mut())?;
    let nanoseconds = |time: Option<u64>| time.map(Duration::from_nanos);
    let timeouts = Timeouts {
        connect: nanoseconds(request.timeouts.connect),
        first_byte: nanoseconds(request.timeouts.first_byte),
        between_bytes: nanoseconds(request.timeouts.between_bytes),
    };
    let sent = match into_http(store.as_context_mut(), request)? {
        Ok(request) => {
            let caller = call.as_ref().map(|call| call.head.request_id.clone());
            Ok(store.data_mut().outbound.send(request, timeouts, caller))
        }
        Err(error) => Err(error),
    };
    Ok(async move {
        let response = async {
            let (head, body) = sent?.await?.into_parts();
            Ok((head, come(body).await))
        };
        let Some(call) = call else { return response.await };
        tokio::select! {
            biased;
            () = call.given_up() => {
                Err(Error::Other("nobody waits for this call any more".to_owned()))
            }
            response = response => response,
        }
    })
}

/// The request, unless it cannot be one.
fn into_http(
    mut store: StoreContextMut<'_, State>,
    Request { method, url, headers, body, .. }: Request,
) -> wasmtime::Result<Result<http::Request<WasiBody>, Error>> {
    let body = match body {
        types::Body::Empty => Empty::new().map_err(|never| match never {}).boxed_unsync(),
        types::Body::Full(bytes) => {
            Full::new(Bytes::from(bytes)).map_err(|never| match never {}).boxed_unsync()
        }
        types::Body::Streaming(stream) => {
            let (content, trailers, body, _) = pipe(store.data(), stream.length);
            stream.content.pipe(store.as_context_mut(), content)?;
            stream.trailers.pipe(store.as_context_mut(), trailers)?;
            body.map_err(|_| WasiError::InternalError(Some(GIVEN_UP.to_owned()))).boxed_unsync()
        }
    };
    let mut request = http::Request::new(body);
    let head = (|| {
        *request.method_mut() = parse_method(method)?;
        let uri: Uri = url.parse().map_err(|error| Error::InvalidUrl(format!("{url:?}: {error}")))?;
        if uri.authority().is_none() || uri.scheme().is_none() {
            return Err(Error::InvalidUrl(format!("{url:?} has no scheme, or no host")));
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(Error::InvalidUrl(
                "it has a user before its host; send that as the field `authorization`".to_owned(),
            ));
        }
        *request.uri_mut() = uri;
        let mut headers = fields::unpack(&headers).map_err(Error::InvalidRequest)?;
        // The client has both of the request itself.
        headers.remove(HOST);
        headers.remove(CONTENT_LENGTH);
        *request.headers_mut() = headers;
        Ok(())
    })();
    Ok(head.map(|()| request))
}

/// What a body that its guest did not complete says of itself.
const GIVEN_UP: &str = "its body was not completed";

fn parse_method(method: types::Method) -> Result<Method, Error> {
    Ok(match method {
        types::Method::Get => Method::GET,
        types::Method::Head => Method::HEAD,
        types::Method::Post => Method::POST,
        types::Method::Put => Method::PUT,
        types::Method::Delete => Method::DELETE,
        types::Method::Connect => {
            return Err(Error::InvalidRequest("CONNECT asks for a tunnel, which there is none".to_owned()));
        }
        types::Method::Options => Method::OPTIONS,
        types::Method::Trace => Method::TRACE,
        types::Method::Patch => Method::PATCH,
        types::Method::Other(token) => Method::from_bytes(token.as_bytes())
            .map_err(|_| Error::InvalidRequest(format!("{token:?} is not a method")))?,
    })
}

/// What there is of `body` by now.
async fn come(mut body: ResponseBody) -> Come {
    let (mut ready, mut length, mut is_whole) = (VecDeque::new(), 0, true);
    if !body.is_end_stream() {
        // What came with the head is handed over after the client was returned to once.
        tokio::task::yield_now().await;
    }
    while is_whole && !body.is_end_stream() {
        match poll_fn(|cx| Poll::Ready(poll_piece(&mut body, cx))).await {
            Poll::Ready(None) => break,
            Poll::Ready(Some(piece)) => {
                let data = piece.as_ref().ok().and_then(Frame::data_ref).map(Bytes::len);
                length += data.unwrap_or_default();
                is_whole = data.is_some() && length <= INLINE_BYTES;
                ready.push_back(piece);
            }
            Poll::Pending => is_whole = false,
        }
    }
    if !is_whole {
        return Come::Part(Part { ready, rest: body });
    }
    let mut whole = BytesMut::with_capacity(length);
    ready
        .into_iter()
        .flatten()
        .filter_map(|frame| frame.into_data().ok())
        .for_each(|data| whole.extend(data));
    Come::Whole(whole)
}

fn poll_piece(body: &mut ResponseBody, cx: &mut Context<'_>) -> Poll<Option<Piece>> {
    Pin::new(body).poll_frame(cx).map_err(|error| match error {
        WasiError::ConnectionReadTimeout => types::BodyError::TimedOut,
        WasiError::Hyper(error) if error.is_parse() => types::BodyError::Malformed,
        _ => types::BodyError::Disconnected,
    })
}

impl BodySource for Part {
    fn length(&self) -> Option<u64> {
        let ready = self.ready.iter().flatten().filter_map(Frame::data_ref);
        let ready: usize = ready.map(Bytes::len).sum();
        self.rest.size_hint().exact().map(|rest| rest + ready as u64)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Piece>> {
        match self.ready.pop_front() {
            Some(piece) => Poll::Ready(Some(piece)),
            None => poll_piece(&mut self.rest, cx),
        }
    }
}

fn answer(store: StoreContextMut<'_, State>, answer: Answer) -> wasmtime::Result<Result<Response, Error>> {
    let (head, come) = match answer {
        Ok(answer) => answer,
        Err(error) => return Ok(Err(error)),
    };
    let body = match come {
        Come::Whole(bytes) if bytes.is_empty() => Body::Empty,
        Come::Whole(bytes) => Body::Full(bytes.freeze()),
        Come::Part(part) => Body::Streaming(inflow::stream(store, part)?),
    };
    Ok(Ok(Response { status: head.status.as_u16(), headers: fields::pack(&head.headers), body }))
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::InvalidUrl => Self::InvalidUrl("it cannot be asked for".to_owned()),
            Failure::NotGranted(origin) => Self::NotGranted(origin),
            Failure::NoServer => Self::Refused("there is no server here".to_owned()),
            Failure::TooManyRequests => Self::TooManyRequests,
            Failure::FirstByte => Self::TimedOut(Wait::FirstByte),
            Failure::Client(error) => explain(&error),
        }
    }
}

fn explain(error: &hyper_util::client::legacy::Error) -> Error {
    let cause = root_cause(error);
    match io_kind(error) {
        Some(io::ErrorKind::ConnectionRefused) => return Error::Refused(cause),
        Some(io::ErrorKind::TimedOut) => return Error::TimedOut(Wait::Connect),
        Some(io::ErrorKind::PermissionDenied) => return Error::ProhibitedAddress(cause),
        Some(io::ErrorKind::NotFound) => return Error::Dns(cause),
        Some(io::ErrorKind::InvalidData) => return Error::Tls(cause),
        _ => {}
    }
    let mut causes = std::iter::successors(std::error::Error::source(error), |&cause| cause.source());
    match causes.find_map(|cause| cause.downcast_ref::<hyper::Error>()) {
        Some(hyper) if hyper.is_user() => Error::InvalidRequest(GIVEN_UP.to_owned()),
        Some(hyper) if hyper.is_parse() || hyper.is_parse_too_large() => Error::Malformed(cause),
        _ if error.is_connect() => Error::Refused(cause),
        _ => Error::Disconnected(cause),
    }
}
