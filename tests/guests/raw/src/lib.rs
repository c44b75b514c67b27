//! Answers that the SDK would never give, made with the bare bindings of our world.
//!
//! One route, `GET /raw/{case}`; the case says what is wrong. The host answers 502
//! to each that is invalid, and to nothing else.

mod asked;

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

            world raw {
                import patchboard:handler/outbound@0.2.0;
                import patchboard:handler/routing@0.2.0;
                import wasi:clocks/monotonic-clock@0.3.0;
                export patchboard:handler/handler@0.2.0;
            }
        ",
        generate_all,
    });
}

/// The export itself, generated.
#[allow(unsafe_code, reason = "generated")]
mod export {
    use super::{Raw, bindings};

    bindings::export!(Raw with_types_in bindings);
}

use bindings::exports::patchboard::handler::handler::Guest;
use bindings::patchboard::handler::outbound;
use bindings::patchboard::handler::outbound_types::Timeouts;
use bindings::patchboard::handler::types::{Body, BodyError, BodyStream, Fields, Request, Response};
use bindings::{wit_future, wit_stream};

use self::asked::{Asked, End as Ends, LATER};

struct Raw;

impl Guest for Raw {
    async fn handle(request: Request) -> Response {
        let case = request.route.parameters.first().map(|(_, value)| value.as_str()).unwrap_or_default();
        let none: &[(&str, &str)] = &[];
        match case {
            "ok" => full(200, fields(&[("x-raw", "yes")])),
            // In one piece, which the SDK would have cut.
            "large" => {
                Response { status: 200, headers: fields(none), body: Body::Full(vec![b'x'; 12 << 20]) }
            }
            "ends-descend" => full(200, Fields { text: b"x-ay".to_vec(), ends: vec![3, 2] }),
            "ends-outside" => full(200, Fields { text: b"x-ay".to_vec(), ends: vec![3, 400] }),
            "ends-odd" => full(200, Fields { text: b"x-ay".to_vec(), ends: vec![3] }),
            "ends-short" => full(200, Fields { text: b"x-ay".to_vec(), ends: vec![2, 3] }),
            "upper-case" => full(200, fields(&[("X-Upper", "yes")])),
            "space-in-name" => full(200, fields(&[("x y", "yes")])),
            "empty-name" => full(200, fields(&[("", "yes")])),
            "newline" => full(200, fields(&[("x-a", "b\r\nset-cookie: forged=1")])),
            "nul" => full(200, fields(&[("x-a", "b\0c")])),
            "status-99" => full(99, fields(none)),
            "status-101" => full(101, fields(none)),
            "status-600" => full(600, fields(none)),
            "status-700" => full(700, fields(none)),
            "many-fields" => full(200, fields(&vec![("x-many", "yes"); 40_000])),
            // The host frames the message: what the guest says of it does not count.
            "framing" => full(
                200,
                fields(&[
                    ("content-length", "4000"),
                    ("transfer-encoding", "chunked"),
                    ("connection", "close, x-raw"),
                    ("x-request-id", "forged"),
                ]),
            ),
            "two-lengths" => full(200, fields(&[("content-length", "3"), ("content-length", "4")])),
            "no-trailers" => stream(Announced { length: None, sent: 10 }, End::Dropped),
            "failed" => stream(Announced { length: None, sent: 10 }, End::Failed),
            "streamed" => stream(Announced { length: None, sent: 10 }, End::Complete),
            "trailers" => Response {
                headers: fields(&[("trailer", "x-sum")]),
                ..stream(Announced { length: None, sent: 10 }, End::Trailers("x-sum", "55"))
            },
            "bad-trailers" => {
                stream(Announced { length: None, sent: 10 }, End::Trailers("x-sum", "5\r\nx: y"))
            }
            "length-right" => stream(Announced { length: Some(10), sent: 10 }, End::Complete),
            "length-too-long" => stream(Announced { length: Some(20), sent: 10 }, End::Complete),
            "length-too-short" => stream(Announced { length: Some(5), sent: 10 }, End::Complete),
            "no-content-with-body" => full(204, fields(none)),
            "answer" => answer(&Asked::of(&request.path_with_query)).await,
            "pass" => pass(request).await,
            "stops" => stops(request),
            "current-route" => {
                let route = bindings::patchboard::handler::routing::current_route();
                let text = route.map(|route| format!("{} {:?}", route.pattern, route.parameters));
                Response {
                    status: 200,
                    headers: fields(none),
                    body: Body::Full(text.unwrap_or_default().into()),
                }
            }
            "request" => {
                let mut text = told(&request);
                if let Body::Streaming(BodyStream { content, trailers, .. }) = request.body {
                    text += &format!("{} bytes\n", content.collect().await.len());
                    if let Ok(Some(fields)) = trailers.await {
                        text += &lines("trailer ", &fields);
                    }
                }
                Response { status: 200, headers: fields(none), body: Body::Full(text.into()) }
            }
            _ => full(404, fields(none)),
        }
    }
}

/// The request as it came, a line for each field; below, one for each trailer.
fn told(request: &Request) -> String {
    let head = format!("{:?} {} {}\n", request.scheme, request.authority, request.request_id);
    head + &lines("", &request.headers)
}

fn lines(kind: &str, fields: &Fields) -> String {
    let text = String::from_utf8_lossy(&fields.text);
    let mut start = 0;
    let parts = fields.ends.iter().map(|end| {
        let part = text.get(start..*end as usize).unwrap_or_default();
        start = *end as usize;
        part
    });
    let parts: Vec<_> = parts.collect();
    parts.chunks(2).fold(String::new(), |lines, field| lines + kind + &field.join(": ") + "\n")
}

fn full(status: u16, headers: Fields) -> Response {
    Response { status, headers, body: Body::Full(b"raw".to_vec()) }
}

fn fields(list: &[(&str, &str)]) -> Fields {
    let mut fields = Fields { text: Vec::new(), ends: Vec::new() };
    for text in list.iter().flat_map(|(name, value)| [name, value]) {
        fields.text.extend_from_slice(text.as_bytes());
        fields.ends.push(u32::try_from(fields.text.len()).unwrap_or(u32::MAX));
    }
    fields
}

/// What a test asks for; its body always streams, but where it is empty.
async fn answer(asked: &Asked) -> Response {
    if asked.late {
        wait().await;
    }
    let named = asked.fields();
    let named: Vec<_> = named.iter().map(|(name, value)| (*name, &**value)).collect();
    let (status, headers) = (asked.status, fields(&named));
    if asked.body.is_empty() && asked.end == Ends::Complete {
        return Response { status, headers, body: Body::Empty };
    }
    let (mut content, content_reader) = wit_stream::new();
    let (trailers, trailers_reader) = wit_future::new(|| Err(BodyError::Disconnected));
    let (body, end, later, after) = (asked.body.clone().into_bytes(), asked.end, asked.later, asked.after);
    wit_bindgen::spawn_local(async move {
        let mut trailers = Some(trailers);
        if end == Ends::Early
            && let Some(trailers) = trailers.take()
        {
            let _unread = trailers.write(Ok(None)).await;
        }
        let _unread = content.write_all(body).await;
        if later {
            wait().await;
        }
        match (end, trailers) {
            (Ends::Trap | Ends::Early, _) => panic!("this panic is asked for"),
            (Ends::Exit(status), _) => std::process::exit(status),
            (Ends::Returned, trailers) => {
                std::mem::forget(content);
                std::mem::forget(trailers);
            }
            (Ends::Complete, Some(trailers)) => {
                drop(content);
                let _unread = trailers.write(Ok(None)).await;
            }
            (Ends::Dropped | Ends::Complete, _) => {}
        }
        if let Some(status) = after {
            wait().await;
            std::process::exit(status);
        }
    });
    let body = BodyStream { content: content_reader, trailers: trailers_reader, length: None };
    Response { status, headers, body: Body::Streaming(body) }
}

/// Hands on what the URL in the query answers.
async fn pass(request: Request) -> Response {
    let asked = outbound::Request {
        method: request.method,
        url: request.path_with_query.split_once("url=").map_or("", |(_, url)| url).to_owned(),
        headers: fields(&[]),
        body: Body::Empty,
        timeouts: Timeouts { connect: None, first_byte: None, between_bytes: None },
    };
    match outbound::send(asked).await {
        Ok(outbound::Response { status, headers, body }) => Response { status, headers, body },
        Err(error) => full(502, fields(&[("x-error", &format!("{error:?}"))])),
    }
}

/// Answers, reads the beginning of the body meanwhile, and no more of it: it drops the rest, or
/// (`?keeps`) keeps it.
fn stops(request: Request) -> Response {
    let (mut content, content_reader) = wit_stream::new();
    let (trailers, trailers_reader) = wit_future::new(|| Err(BodyError::Disconnected));
    wit_bindgen::spawn_local(async move {
        let _unread = content.write_all(b"begun ".to_vec()).await;
        wait().await;
        if let Body::Streaming(mut body) = request.body {
            let (_, _) = body.content.read(Vec::with_capacity(10)).await;
            if request.path_with_query.ends_with("?keeps") {
                std::mem::forget(body);
            }
        }
        let _unread = content.write_all(b"ended".to_vec()).await;
        drop(content);
        let _unread = trailers.write(Ok(None)).await;
    });
    let body = BodyStream { content: content_reader, trailers: trailers_reader, length: None };
    Response { status: 200, headers: fields(&[]), body: Body::Streaming(body) }
}

async fn wait() {
    let later = u64::try_from(LATER.as_nanos()).unwrap_or(u64::MAX);
    bindings::wasi::clocks0_3_0::monotonic_clock::wait_for(later).await;
}

/// What is said of a body's length, and what is true.
struct Announced {
    length: Option<u64>,
    sent: usize,
}

/// How a streamed body ends.
enum End {
    /// The future is dropped.
    Dropped,
    /// It says that the body failed.
    Failed,
    /// As it should.
    Complete,
    /// With a trailer field.
    Trailers(&'static str, &'static str),
}

fn stream(announced: Announced, end: End) -> Response {
    let (mut content, content_reader) = wit_stream::new();
    // What is written where the writer is dropped.
    let (trailers, trailers_reader) = wit_future::new(|| Err(BodyError::Disconnected));
    wit_bindgen::spawn_local(async move {
        // The host stops reading where it has seen enough.
        let _unread = content.write_all(vec![b'0'; announced.sent]).await;
        drop(content);
        let result = match end {
            End::Dropped => return,
            End::Failed => Err(BodyError::Malformed),
            End::Complete => Ok(None),
            End::Trailers(name, value) => Ok(Some(fields(&[(name, value)]))),
        };
        let _unread = trailers.write(result).await;
    });
    let body = BodyStream { content: content_reader, trailers: trailers_reader, length: announced.length };
    Response { status: 200, headers: fields(&[]), body: Body::Streaming(body) }
}
