//! A component of `wasi:http/proxy@0.2`, as others make them: no SDK, no routes.
//!
//! Routes by the end of its path: `/stream` streams, `/echo` sends the body back,
//! `/request` tells the request with its trailers, `/trap` panics, `/silent` never sets a
//! response, `/plain` says no more than any other hello of the benchmark; anything else
//! says hello.

use std::io::Write as _;

use wasip2::http::types::{
    Fields, IncomingBody, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
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
            "trap" => panic!("this panic is asked for"),
            "silent" => Ok(()),
            "plain" => plain(out),
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
    text += &format!("{} bytes\n", std::io::copy(&mut from, &mut std::io::sink())?);
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
        End::Trap | End::Early => panic!("this panic is asked for"),
        End::Dropped => drop(body),
        End::Returned => std::mem::forget(body),
    }
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
    std::io::copy(&mut from, &mut content)?;
    content.flush()?;
    drop(content);
    drop(from);
    IncomingBody::finish(incoming);
    OutgoingBody::finish(body, None)?;
    Ok(())
}
