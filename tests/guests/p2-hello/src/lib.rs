//! A component of `wasi:http/proxy@0.2`, as others make them: no SDK, no routes.
//!
//! Routes by the end of its path: `/stream` streams, `/echo` sends the body back,
//! `/request` tells the request with its trailers, `/trap` panics, `/silent` never sets a
//! response, `/plain` says no more than any other hello of the benchmark, `/hoard-…` keeps
//! all it can get of the host's; anything else says hello.

use std::io::{self, Write as _};

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    Fields, IncomingBody, IncomingRequest, OutgoingBody, OutgoingRequest, OutgoingResponse, ResponseOutparam,
    Scheme,
};

#[path = "../../raw/src/asked.rs"]
mod asked;

use self::asked::{Asked, End, LATER};

struct Hello;

/// The export itself, generated.
#[allow(unsafe_code, reason = "generated")]
mod export {
    use super::Hello;

    wasip2::http::proxy::export!(Hello);
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

impl wasip2::exports::http::incoming_handler::Guest for Hello {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let path = path.split('?').next().unwrap_or_default();
        let outcome = match path.rsplit('/').next().unwrap_or_default() {
            "stream" => stream(out),
            "echo" => echo(&request, out),
            "request" => told(&request, out),
            "answer" => answer(&Asked::of(&request.path_with_query().unwrap_or_default()), out),
            "pass" => pass(&request, out),
            "stops" => stops(&request, out),
            "trap" => panic!("this panic is asked for"),
            "silent" => Ok(()),
            "plain" => plain(out),
            "hoard-fields" => hoard(out, large_fields),
            "hoard-requests" => hoard(out, large_request),
            "hoard-bodies" => hoard(out, large_body),
            _ => hello(&request, out),
        };
        if let Err(error) = outcome {
            eprintln!("p2-hello: {error}");
        }
    }
}

fn respond(out: ResponseOutparam) -> Result<OutgoingBody, Box<dyn std::error::Error>> {
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().map_err(|()| "the body was taken")?;
    ResponseOutparam::set(out, Ok(response));
    Ok(body)
}

fn hello(request: &IncomingRequest, out: ResponseOutparam) -> Outcome {
    let body = respond(out)?;
    let authority = request.authority().unwrap_or_default();
    let path = request.path_with_query().unwrap_or_default();
    let mut ids = request.headers().get("x-request-id");
    let id = String::from_utf8(ids.pop().unwrap_or_default())?;
    let mut content = body.write().map_err(|()| "the body was taken")?;
    write!(content, "hello from 0.2: {:?} {authority} {path} {id}", request.method())?;
    content.flush()?;
    drop(content);
    OutgoingBody::finish(body, None)?;
    Ok(())
}

/// As many things of the host's as it asks for at once.
const HOARD: usize = 16_000;

/// Keeps them all.
fn hoard<T>(out: ResponseOutparam, make: fn() -> Result<T, Box<dyn std::error::Error>>) -> Outcome {
    let hoard = (0..HOARD).map(|_| make()).collect::<Result<Vec<_>, _>>()?;
    let body = respond(out)?;
    write!(body.write().map_err(|()| "the body was taken")?, "{} of them", hoard.len())?;
    OutgoingBody::finish(body, None)?;
    Ok(())
}

fn large_fields() -> Result<Fields, Box<dyn std::error::Error>> {
    Ok(Fields::from_list(&[("x-large".to_owned(), vec![b'x'; 120 << 10])])?)
}

/// With an authority and a path as long as they may be, and longer.
fn large_request() -> Result<OutgoingRequest, Box<dyn std::error::Error>> {
    let request = OutgoingRequest::new(Fields::new());
    let _refused = request.set_authority(Some(&"a".repeat(1 << 20)));
    let _refused = request.set_method(&wasip2::http::types::Method::Other("A".repeat(1 << 20)));
    request.set_path_with_query(Some(&format!("/{}", "p".repeat(60 << 10)))).map_err(|()| "a path")?;
    Ok(request)
}

/// With all written that may be before it is sent.
fn large_body() -> Result<(OutgoingResponse, OutgoingBody), Box<dyn std::error::Error>> {
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().map_err(|()| "the body was taken")?;
    let content = body.write().map_err(|()| "the body was taken")?;
    let room = usize::try_from(content.check_write()?)?;
    content.write(&vec![b'x'; room])?;
    drop(content);
    Ok((response, body))
}

/// The request as it came, a line for each field and trailer.
fn told(request: &IncomingRequest, out: ResponseOutparam) -> Outcome {
    let mut text = format!("{:?} {}\n", request.scheme(), request.authority().unwrap_or_default());
    let lines = |kind: &str, fields: &Fields| -> String {
        let line =
            |(name, value): (String, Vec<u8>)| format!("{kind}{name}: {}\n", String::from_utf8_lossy(&value));
        fields.entries().into_iter().map(line).collect()
    };
    text += &lines("", &request.headers());
    let incoming = request.consume().map_err(|()| "the request body was taken")?;
    let mut from = incoming.stream().map_err(|()| "the request stream was taken")?;
    text += &format!("{} bytes\n", io::copy(&mut from, &mut io::sink())?);
    drop(from);
    let trailers = IncomingBody::finish(incoming);
    trailers.subscribe().block();
    if let Some(Ok(Ok(Some(fields)))) = trailers.get() {
        text += &lines("trailer ", &fields);
    }
    let body = respond(out)?;
    let mut content = body.write().map_err(|()| "the body was taken")?;
    content.write_all(text.as_bytes())?;
    content.flush()?;
    drop(content);
    OutgoingBody::finish(body, None)?;
    Ok(())
}

/// What a test asks for.
fn answer(asked: &Asked, out: ResponseOutparam) -> Outcome {
    if asked.late {
        std::thread::sleep(LATER);
    }
    let headers = Fields::new();
    for (name, value) in asked.fields() {
        headers.append(name, value.as_bytes()).map_err(|error| format!("{error:?}"))?;
    }
    let response = OutgoingResponse::new(headers);
    response.set_status_code(asked.status).map_err(|()| "no such status")?;
    let body = response.body().map_err(|()| "the body was taken")?;
    ResponseOutparam::set(out, Ok(response));
    let mut content = body.write().map_err(|()| "the body was taken")?;
    // Nobody reads the body of some.
    let _unread = content.write_all(asked.body.as_bytes()).is_ok() && content.flush().is_ok();
    if asked.later {
        std::thread::sleep(LATER);
    }
    drop(content);
    match asked.end {
        End::Complete => OutgoingBody::finish(body, None)?,
        End::Exit(status) => std::process::exit(status),
        End::Trap | End::Early => panic!("this panic is asked for"),
        End::Dropped => drop(body),
        End::Returned => std::mem::forget(body),
    }
    if let Some(status) = asked.after {
        std::process::exit(status);
    }
    Ok(())
}

/// Hands on what the URL in the query answers.
fn pass(asked: &IncomingRequest, out: ResponseOutparam) -> Outcome {
    let path = asked.path_with_query().unwrap_or_default();
    let url = path.split_once("url=http://").map(|(_, url)| url).ok_or("no URL")?;
    let (authority, path) = url.split_at(url.find('/').ok_or("no path")?);
    let request = OutgoingRequest::new(Fields::new());
    request.set_method(&asked.method()).map_err(|()| "no method")?;
    request.set_scheme(Some(&Scheme::Http)).map_err(|()| "no scheme")?;
    request.set_authority(Some(authority)).map_err(|()| "no authority")?;
    request.set_path_with_query(Some(path)).map_err(|()| "no path")?;
    let answer = outgoing_handler::handle(request, None)?;
    answer.subscribe().block();
    let received = answer.get().ok_or("no answer")?.map_err(|()| "taken before")??;
    let response = OutgoingResponse::new(Fields::from_list(&received.headers().entries())?);
    response.set_status_code(received.status()).map_err(|()| "no such status")?;
    let incoming = received.consume().map_err(|()| "the body was taken")?;
    let mut from = incoming.stream().map_err(|()| "the stream was taken")?;
    let body = response.body().map_err(|()| "the body was taken")?;
    ResponseOutparam::set(out, Ok(response));
    let mut to = body.write().map_err(|()| "the body was taken")?;
    io::copy(&mut from, &mut to)?;
    to.flush()?;
    drop((from, to));
    let trailers = IncomingBody::finish(incoming);
    trailers.subscribe().block();
    let trailers = trailers.get().ok_or("no end")?.map_err(|()| "taken before")??;
    OutgoingBody::finish(body, trailers)?;
    Ok(())
}

/// Answers, reads the beginning of the body meanwhile, and no more of it: it drops the rest, or
/// (`?keeps`) keeps it.
fn stops(request: &IncomingRequest, out: ResponseOutparam) -> Outcome {
    let body = respond(out)?;
    let mut content = body.write().map_err(|()| "the body was taken")?;
    content.write_all(b"begun ")?;
    content.flush()?;
    std::thread::sleep(LATER);
    let incoming = request.consume().map_err(|()| "the request body was taken")?;
    let mut from = incoming.stream().map_err(|()| "the request stream was taken")?;
    let _length = io::Read::read(&mut from, &mut [0; 10])?;
    if request.path_with_query().is_some_and(|path| path.ends_with("?keeps")) {
        std::mem::forget((from, incoming));
    }
    content.write_all(b"ended")?;
    content.flush()?;
    drop(content);
    OutgoingBody::finish(body, None)?;
    Ok(())
}

fn plain(out: ResponseOutparam) -> Outcome {
    let body = respond(out)?;
    let mut content = body.write().map_err(|()| "the body was taken")?;
    content.write_all(b"Hello, world")?;
    content.flush()?;
    drop(content);
    OutgoingBody::finish(body, None)?;
    Ok(())
}

fn stream(out: ResponseOutparam) -> Outcome {
    let body = respond(out)?;
    let mut content = body.write().map_err(|()| "the body was taken")?;
    for part in 0..5 {
        writeln!(content, "part {part}")?;
        content.flush()?;
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    drop(content);
    OutgoingBody::finish(body, None)?;
    Ok(())
}

fn echo(request: &IncomingRequest, out: ResponseOutparam) -> Outcome {
    let incoming = request.consume().map_err(|()| "the request body was taken")?;
    let mut from = incoming.stream().map_err(|()| "the request stream was taken")?;
    let body = respond(out)?;
    let mut content = body.write().map_err(|()| "the body was taken")?;
    io::copy(&mut from, &mut content)?;
    content.flush()?;
    drop(content);
    drop(from);
    IncomingBody::finish(incoming);
    OutgoingBody::finish(body, None)?;
    Ok(())
}
