//! The framing of a connection (RFC 9112 sections 2 to 7): the guard against hyper.
//!
//! The input is all that a client sends. What the guard lets through, hyper must take
//! for the same requests with the same bodies, and must not refuse itself. In which
//! pieces the input comes must not make any difference to the guard. Where hyper is more
//! lenient, in targets and in the extensions of chunks, what passes is held to the grammar.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io::Cursor;
use std::rc::Rc;

use http::header::CONNECTION;
use http::{Request, Response, Uri, Version};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use patchboard_server::server::guard::{Fault, Framing, HeadLimits, Passed, Piece};
use tokio::runtime::{Builder, Runtime};

/// As little as hyper's buffer can be.
const HEAD_BYTES: usize = 8 << 10;
/// Inputs up to this length are split at every place.
const SHORT_BYTES: usize = 256;

thread_local! {
    static RUNTIME: Runtime = match Builder::new_current_thread().build() {
        Ok(runtime) => runtime,
        Err(error) => panic!("could not make a runtime: {error}"),
    };
}

/// A request as the guard or hyper sees it.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    body: Vec<u8>,
    complete: bool,
}

/// Runs the target.
pub fn run(data: &[u8]) {
    let (guard, passed) = by_guard(data);
    for size in [1, 2, 3, 7, 64] {
        let cuts = (1..data.len()).filter(|at| at % size == 0);
        assert_eq!(in_pieces(data, cuts), passed, "in pieces of {size}");
    }
    if data.len() <= SHORT_BYTES {
        for cut in 1..data.len() {
            assert_eq!(in_pieces(data, [cut].into_iter()), passed, "cut at {cut}");
        }
    }
    let (taken, _) = data.split_at(passed.bytes);
    let (hyper, closes) = RUNTIME.with(|runtime| runtime.block_on(by_hyper(taken)));
    // After a request that is to be the last hyper looks no further.
    let expected = if closes { guard.get(..hyper.len()).unwrap_or_default() } else { &guard };
    assert_eq!(hyper, expected, "hyper's requests, and the guard's, up to {:?}", passed.fault);
}

fn framing() -> Framing {
    Framing::new(HeadLimits::new(HEAD_BYTES))
}

/// The requests piece by piece, and what they come to.
fn by_guard(data: &[u8]) -> (Vec<Seen>, Passed) {
    let (mut framing, mut requests) = (framing(), Vec::<Seen>::new());
    let mut passed = Passed { bytes: 0, heads: 0, fault: None };
    let mut rest = data;
    let mut has_trailers = false;
    loop {
        let length = match framing.next(rest) {
            Ok(Some(Piece::Head(length))) => {
                passed.heads += 1;
                requests.push(Seen::default());
                check_target(&rest[..length]);
                has_trailers = false;
                length
            }
            Ok(Some(Piece::Data(length))) => {
                if let Some(request) = requests.last_mut() {
                    request.body.extend(&rest[..length]);
                }
                length
            }
            Ok(Some(Piece::Framing(length))) => {
                if rest[..length] != *b"\r\n" && !has_trailers {
                    has_trailers = is_last_size(&rest[..length]);
                }
                length
            }
            Ok(None) => break,
            Err(fault) => {
                passed.fault = Some(fault);
                break;
            }
        };
        assert!(length > 0, "an empty piece at {}", passed.bytes);
        if let Some(request) = requests.last_mut() {
            request.complete = framing.awaits_head();
        }
        passed.bytes += length;
        rest = &rest[length..];
    }
    if let Some(Fault::Head(fault)) = passed.fault {
        assert!(fault.status().is_client_error() || fault.status().is_server_error());
    }
    (requests, passed)
}

/// RFC 9112, section 3.2: of what a client can ask for, a URI is left.
fn check_target(head: &[u8]) {
    let head = String::from_utf8_lossy(head);
    let target = head.split(' ').nth(1).unwrap_or_default();
    let uri: Uri = target.parse().unwrap_or_else(|error| panic!("{target:?}: {error}"));
    let is_clean = target.is_ascii() && !target.contains(['#', '"', '<', '>']) && !uri.path().contains('\\');
    assert!(is_clean, "{target:?}");
    if let Some(authority) = uri.authority() {
        assert!(["http", "https"].contains(&uri.scheme_str().unwrap_or_default()), "{target:?}");
        let (host, port) = (authority.host(), authority.port_u16());
        let names = match port {
            Some(_) => authority.as_str().rsplit_once(':').map_or("", |(host, _)| host),
            None => authority.as_str().trim_end_matches(':'),
        };
        assert!(!host.is_empty() && host == names, "{target:?}");
    }
}

/// Whether a size line is that of the last chunk. Its extensions are held to RFC 9112,
/// section 7.1.1, by another way than the guard's: quoted strings are a letter first.
fn is_last_size(line: &[u8]) -> bool {
    let line: String = line.iter().map(|byte| char::from(*byte)).collect();
    let text = line.trim_end_matches(['\r', '\n']);
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '"' {
            while let Some(inside) = chars.next().filter(|inside| *inside != '"') {
                if inside == '\\' {
                    chars.next();
                }
            }
        }
        plain.push(if c == '"' { 'q' } else { c });
    }
    assert_eq!(plain, plain.trim_end(), "{text:?}");
    let is_token = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && !"\"(),/:;<=>?@[\\]{}".contains(c))
    };
    let mut parts = plain.split(';').map(|part| part.trim_matches([' ', '\t']));
    let size = parts.next().unwrap_or_default();
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, "none"));
        let is_extension = is_token(name.trim_end_matches([' ', '\t'])) && is_token(value.trim_start());
        assert!(is_extension, "{text:?}");
    }
    size.chars().all(|c| c == '0')
}

fn in_pieces(data: &[u8], cuts: impl Iterator<Item = usize>) -> Passed {
    let mut framing = framing();
    let mut sum = Passed { bytes: 0, heads: 0, fault: None };
    for end in cuts.chain([data.len()]) {
        let passed = framing.advance(&data[sum.bytes..end]);
        sum = Passed { bytes: sum.bytes + passed.bytes, heads: sum.heads + passed.heads, ..passed };
        if passed.fault.is_some() {
            break;
        }
    }
    sum
}

/// hyper's requests, and whether the last one is to be the last of its connection.
async fn by_hyper(data: &[u8]) -> (Vec<Seen>, bool) {
    let requests = Rc::new(RefCell::new(Vec::<Seen>::new()));
    let closes = RefCell::new(false);
    let service = service_fn(|request: Request<Incoming>| {
        requests.borrow_mut().push(Seen::default());
        let fields = request.headers().get_all(CONNECTION);
        let is_close = |field: &[u8]| field.to_ascii_lowercase().windows(5).any(|five| five == b"close");
        *closes.borrow_mut() =
            request.version() == Version::HTTP_10 || fields.iter().any(|field| is_close(field.as_bytes()));
        read(request.into_body(), requests.clone())
    });
    let io = tokio::io::join(Cursor::new(data), tokio::io::sink());
    let mut server = http1::Builder::new();
    // The input ends while its last request is still answered.
    server.half_close(true).max_buf_size(HEAD_BYTES);
    // An error is one of the last body, which is compared.
    server.serve_connection(TokioIo::new(io), service).await.ok();
    let closes = *closes.borrow();
    (requests.take(), closes)
}

async fn read(
    mut body: Incoming,
    requests: Rc<RefCell<Vec<Seen>>>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let mut complete = true;
    while let Some(frame) = body.frame().await {
        let mut requests = requests.borrow_mut();
        let Some(request) = requests.last_mut() else { break };
        match frame.map(|frame| frame.into_data()) {
            Ok(Ok(data)) => request.body.extend(data),
            // Trailers.
            Ok(Err(_)) => {}
            Err(_) => complete = false,
        }
    }
    if let Some(request) = requests.borrow_mut().last_mut() {
        request.complete = complete;
    }
    Ok(Response::new(Empty::new()))
}
