//! A component of `wasi:http/service@0.3`, as others make them: no SDK, no routes.
//!
//! Routes by the end of its path: `/stream` streams, `/echo` sends the body back,
//! `/request` tells the request with its trailers, `/fail` passes an error on, `/trap`
//! panics, `/route…` tells the route that the host has matched, `/url-for/NAME` asks for a
//! URL, `/short` announces more than it sends, `/own` reads a response of its own,
//! `/hoard-…` keeps all it can get of the host's; anything else says hello.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Full, StreamBody};
use wasip3::clocks::monotonic_clock;
use wasip3::filesystem::preopens::get_directories;
use wasip3::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
use wasip3::http::types::{ErrorCode, Fields, Method, Request, Response, Scheme};
use wasip3::http_compat::{
    IncomingRequestBody, http_from_wasi_request, http_from_wasi_response, http_into_wasi_response,
};

mod bindings {
    #![allow(
        missing_docs,
        unreachable_pub,
        unsafe_code,
        unused_qualifications,
        clippy::allow_attributes_without_reason,
        reason = "generated"
    )]

    wit_bindgen::generate!({
        path: "../../../wit",
        inline: r"
            package patchboard:tests;

            world routed {
                import patchboard:handler/routing@0.2.0;
            }
        ",
        generate_all,
    });
}

/// The export itself, generated.
#[allow(unsafe_code, reason = "generated")]
mod export {
    use super::Hello;

    wasip3::http::service::export!(Hello);
}

#[path = "../../raw/src/asked.rs"]
mod asked;

use self::asked::{Asked, End, LATER};

struct Hello;

impl wasip3::exports::http::handler::Guest for Hello {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let request = http_from_wasi_request(request)?;
        let path = request.uri().path().to_owned();
        match path.rsplit('/').next().unwrap_or_default() {
            "stream" => http_into_wasi_response(http::Response::new(parts())),
            "echo" => http_into_wasi_response(http::Response::new(request.into_body())),
            "request" => told(request).await,
            "fail" => Err(ErrorCode::ConnectionRefused),
            "short" => short(),
            "hoard-fields" => hoard(large_fields),
            "hoard-requests" => hoard(large_request),
            "hoard-streams" => hoard(|| Ok((wasip3::wit_stream::new::<u8>(), large_fields()?))),
            "hoard-paths" => hoard_paths().await,
            "own" => own().await,
            "answer" => answer(Asked::of(&request.uri().to_string())).await,
            "pass" => pass(&request).await,
            "stops" => stops(request),
            "pass-made" => {
                let received = http_from_wasi_response(pass(&request).await?)?;
                http_into_wasi_response(received)
            }
            "trap" => panic!("this panic is asked for"),
            "route-later" => route(&request, Duration::from_millis(50)).await,
            name if path.contains("/url-for/") => url_for(name, request.uri().query().unwrap_or_default()),
            _ if path.contains("/route") => route(&request, Duration::ZERO).await,
            _ => text(format!(
                "hello from 0.3: {} {} {}",
                request.method(),
                request.uri(),
                request.headers().get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default(),
            )),
        }
    }
}

fn text(text: String) -> Result<Response, ErrorCode> {
    http_into_wasi_response(http::Response::new(Full::new(Bytes::from(text))))
}

/// The request as it came, a line for each field and trailer.
async fn told(request: http::Request<IncomingRequestBody>) -> Result<Response, ErrorCode> {
    let lines = |kind: &str, fields: &http::HeaderMap| -> String {
        let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            format!("{kind}{name}: {}\n", String::from_utf8_lossy(value.as_bytes()))
        };
        fields.iter().map(line).collect()
    };
    let (parts, body) = request.into_parts();
    let uri = &parts.uri;
    let mut told = format!("{:?} {}\n", uri.scheme(), uri.authority().map_or("", |name| name.as_str()));
    told += &lines("", &parts.headers);
    let body = body.collect().await?;
    let trailers = body.trailers().cloned();
    told += &format!("{} bytes\n", body.to_bytes().len());
    told += &trailers.map(|fields| lines("trailer ", &fields)).unwrap_or_default();
    text(told)
}

/// The pattern and parameters that the host matched, asked for after a while.
async fn route(request: &http::Request<IncomingRequestBody>, wait: Duration) -> Result<Response, ErrorCode> {
    if !wait.is_zero() {
        monotonic_clock::wait_for(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX)).await;
    }
    match bindings::patchboard::handler::routing::current_route() {
        Some(route) => {
            let parameters: Vec<_> =
                route.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
            text(format!("{} {}", route.pattern, parameters.join(" ")))
        }
        None => text(format!("no route for {}", request.uri())),
    }
}

/// What a test asks for.
async fn answer(asked: Asked) -> Result<Response, ErrorCode> {
    if asked.late {
        later().await;
    }
    let fields: Vec<_> =
        asked.fields().into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes())).collect();
    let headers =
        Fields::from_list(&fields).map_err(|error| ErrorCode::InternalError(Some(error.to_string())))?;
    let (mut content, content_reader) = wasip3::wit_stream::new();
    let (trailers, trailers_reader) =
        wasip3::wit_future::new(|| Err(ErrorCode::InternalError(Some("nothing was said".to_owned()))));
    let is_streamed = !asked.body.is_empty() || asked.end != End::Complete;
    let (response, _) = Response::new(headers, is_streamed.then_some(content_reader), trailers_reader);
    let invalid = ErrorCode::InternalError(Some("no such status".to_owned()));
    response.set_status_code(asked.status).map_err(|()| invalid)?;
    wit_bindgen::spawn_local(async move {
        let mut trailers = Some(trailers);
        if asked.end == End::Early
            && let Some(trailers) = trailers.take()
        {
            let _unread = trailers.write(Ok(None)).await;
        }
        let _unread = content.write_all(asked.body.into_bytes()).await;
        if asked.later {
            later().await;
        }
        match (asked.end, trailers) {
            (End::Trap | End::Early, _) => panic!("this panic is asked for"),
            (End::Exit(status), _) => exit(status),
            (End::Returned, trailers) => {
                std::mem::forget(content);
                std::mem::forget(trailers);
            }
            (End::Complete, Some(trailers)) => {
                drop(content);
                let _unread = trailers.write(Ok(None)).await;
            }
            (End::Dropped | End::Complete, _) => {}
        }
        if let Some(status) = asked.after {
            later().await;
            exit(status);
        }
    });
    Ok(response)
}

/// Hands on what the URL in the query answers.
async fn pass(asked: &http::Request<IncomingRequestBody>) -> Result<Response, ErrorCode> {
    let invalid = |()| ErrorCode::HttpRequestUriInvalid;
    let url = asked.uri().query().and_then(|query| query.strip_prefix("url=")).unwrap_or_default();
    let url: http::Uri = url.parse().map_err(|_| ErrorCode::HttpRequestUriInvalid)?;
    let (_, no_trailers) = wasip3::wit_future::new(|| Ok(None));
    let (request, _) = Request::new(Fields::new(), None, no_trailers, None);
    let method = if asked.method() == http::Method::HEAD { Method::Head } else { Method::Get };
    request.set_method(&method).map_err(invalid)?;
    request.set_scheme(Some(&Scheme::Http)).map_err(invalid)?;
    request.set_authority(url.authority().map(|authority| authority.as_str())).map_err(invalid)?;
    request.set_path_with_query(Some(url.path())).map_err(invalid)?;
    wasip3::http::client::send(request).await.inspect_err(|error| eprintln!("p3-hello: {error:?}"))
}

/// Answers, reads the beginning of the body meanwhile, and no more of it: it drops the rest, or
/// (`?keeps`) keeps it.
fn stops(request: http::Request<IncomingRequestBody>) -> Result<Response, ErrorCode> {
    let (mut content, content_reader) = wasip3::wit_stream::new();
    let (trailers, trailers_reader) = wasip3::wit_future::new(|| Ok(None));
    let (response, _) = Response::new(Fields::new(), Some(content_reader), trailers_reader);
    wit_bindgen::spawn_local(async move {
        let _unread = content.write_all(b"begun ".to_vec()).await;
        later().await;
        let keeps = request.uri().query() == Some("keeps");
        let mut body = request.into_body();
        let _read = body.frame().await;
        if keeps {
            std::mem::forget(body);
        }
        let _unread = content.write_all(b"ended".to_vec()).await;
        drop(content);
        let _unread = trailers.write(Ok(None)).await;
    });
    Ok(response)
}

async fn later() {
    monotonic_clock::wait_for(u64::try_from(LATER.as_nanos()).unwrap_or(u64::MAX)).await;
}

/// As the runtimes of other languages do it.
fn exit(status: i32) {
    wasip3::cli::exit::exit(if status == 0 { Ok(()) } else { Err(()) });
}

/// A response whose body is shorter than it says.
/// As many things of the host's as it asks for at once.
const HOARD: usize = 16_000;
/// More than the host has threads for files.
const BLOCKED: usize = 40;

/// Keeps them all.
fn hoard<T>(make: fn() -> Result<T, ErrorCode>) -> Result<Response, ErrorCode> {
    let hoard = (0..HOARD).map(|_| make()).collect::<Result<Vec<_>, _>>()?;
    text(format!("{} of them", hoard.len()))
}

/// Asks for files until nobody can answer any more, and goes on.
async fn hoard_paths() -> Result<Response, ErrorCode> {
    let (folder, _) = get_directories().pop().ok_or(ErrorCode::ConfigurationError)?;
    let open = async |path| {
        folder.open_at(PathFlags::empty(), path, OpenFlags::empty(), DescriptorFlags::READ).await
    };
    // Opening a pipe waits for somebody at its other end.
    let pipes = (0..BLOCKED).map(|_| "pipe".to_owned());
    let mut waiting: Vec<_> = pipes.map(&open).map(Box::pin).collect();
    std::future::poll_fn(|cx| {
        for begun in &mut waiting {
            let _pending = begun.as_mut().poll(cx).is_pending();
        }
        Poll::Ready(())
    })
    .await;
    let mut hoard = Vec::new();
    for _ in 0..HOARD {
        let mut begun = Box::pin(open("x".repeat(120 << 10)));
        std::future::poll_fn(|cx| Poll::Ready(begun.as_mut().poll(cx).is_pending())).await;
        hoard.push(begun);
    }
    text(format!("{} of them", hoard.len()))
}

fn large_fields() -> Result<Fields, ErrorCode> {
    Fields::from_list(&[("x-large".to_owned(), vec![b'x'; 120 << 10])])
        .map_err(|error| ErrorCode::InternalError(Some(error.to_string())))
}

/// With an authority and a path as long as they may be, and longer.
fn large_request() -> Result<Request, ErrorCode> {
    let (_, trailers) = wasip3::wit_future::new(|| Ok(None));
    let (request, _) = Request::new(Fields::new(), None, trailers, None);
    let _refused = request.set_authority(Some(&"a".repeat(1 << 20)));
    let _refused = request.set_method(&Method::Other("A".repeat(1 << 20)));
    request
        .set_path_with_query(Some(&format!("/{}", "p".repeat(60 << 10))))
        .map_err(|()| ErrorCode::InternalError(None))?;
    Ok(request)
}

fn short() -> Result<Response, ErrorCode> {
    let mut response = http::Response::new(Full::new(Bytes::from("short")));
    response.headers_mut().insert("content-length", 10.into());
    http_into_wasi_response(response)
}

/// A response that is made, read and sent on.
async fn own() -> Result<Response, ErrorCode> {
    let made = http_into_wasi_response(http::Response::new(Full::new(Bytes::from("made and read"))))?;
    let read = http_from_wasi_response(made)?;
    let body = read.into_body().collect().await?.to_bytes();
    http_into_wasi_response(http::Response::new(Full::new(body)))
}

/// The URL of a route, with the query as its parameters.
fn url_for(name: &str, query: &str) -> Result<Response, ErrorCode> {
    use bindings::patchboard::handler::routing::{UrlError, url_for};

    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let pairs: Vec<_> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    text(match url_for(name, &pairs, &[]) {
        Ok(url) => url,
        Err(UrlError::UnknownName(name)) => format!("unknown-name {name}"),
        Err(error) => format!("{error:?}"),
    })
}

type Parts = Pin<Box<dyn Body<Data = Bytes, Error = Infallible>>>;

fn parts() -> Parts {
    let parts = stream::unfold(0, |part| async move {
        if part == 5 {
            return None;
        }
        monotonic_clock::wait_for(100_000_000).await;
        let data = Bytes::from(format!("part {part}\n"));
        Some((Ok::<_, Infallible>(Frame::data(data)), part + 1))
    });
    Box::pin(StreamBody::new(parts))
}
