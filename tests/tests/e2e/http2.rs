//! HTTP/2: requests, their bodies and ends, and what a connection is held to.

use std::net::SocketAddr;
use std::process::Command;

use patchboard_tests::http2::{END_HEADERS, END_STREAM, Frame, Http2, head, kind};
use patchboard_tests::{Server, ServerBuilder, Shared, wait_until};

const LISTENER: &str = "[[listener]]\naddress = \"127.0.0.1:0\"\nh2c = true";

/// Errors (section 7).
const NO_ERROR: u32 = 0;
const INTERNAL_ERROR: u32 = 2;
const CANCEL: u32 = 8;

/// `SETTINGS_MAX_CONCURRENT_STREAMS` and `SETTINGS_INITIAL_WINDOW_SIZE` (section 6.5.2).
const STREAMS: u16 = 3;
const WINDOW: u16 = 4;

static SERVER: Shared = Shared::new(|| builder().start());

/// Its only listener speaks HTTP/2, too.
fn builder() -> ServerBuilder {
    let builder = Server::builder().listen_as_configured().config(LISTENER);
    let builder = builder.guest("asking").guest("work");
    builder
        .config("[[static]]\nprefix = \"/files\"\ndir = \"files\"")
        .file("files/large.bin", vec![b'x'; 3 << 20])
        .file("files/small.txt", "small")
}

fn curl(address: SocketAddr, path: &str, arguments: &[&str]) -> String {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--max-time", "60", "--http2-prior-knowledge", "-w", "\n%{http_version} %{http_code}"]);
    let done = curl.args(arguments).arg(format!("http://{address}{path}")).output().unwrap();
    assert!(done.status.success(), "{path}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// A head of a request for `/connection` with one field in the place of another.
fn with<'f>(name: &'f str, value: &'f str) -> Vec<(&'f str, &'f str)> {
    let mut fields =
        vec![(":method", "GET"), (":path", "/connection"), (":authority", "test"), (":scheme", "http")];
    match fields.iter_mut().find(|field| field.0 == name) {
        Some(field) => field.1 = value,
        None => fields.push((name, value)),
    }
    fields
}

#[test]
fn both_versions_are_spoken_at_one_address() {
    let server = SERVER.get();
    assert_eq!(curl(server.address(), "/connection", &[]), "HTTP/2.0 plain\n2 200");
    server.get("/connection").expect(200, "HTTP/1.1 plain");
    assert!(curl(server.address(), "/files/large.bin", &["-o", "/dev/null"]).ends_with("2 200"));
    assert_eq!(curl(server.address(), "/files/small.txt", &["-I", "-o", "/dev/null"]), "\n2 200");
    // A post that is no preface, though it begins as one.
    let reply = server.raw("PR /connection HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(reply.status, 405, "{}", reply.text());
}

#[test]
fn bodies_go_both_ways() {
    let server = SERVER.get();
    let address = server.address();
    let large = server.dir().join("files/large.bin").display().to_string();
    let body = format!("@{large}");
    let upload = ["--data-binary", &*body, "-H", "content-type: application/octet-stream"];
    assert_eq!(curl(address, "/count", &upload), format!("{}\n2 200", 3 << 20));
    // And where nobody wants them: no answer is lost.
    for path in ["/nope", "/connection", "/files/small.txt"] {
        let said = curl(address, path, &upload);
        assert!(said.ends_with("2 404") || said.ends_with("2 405"), "{path}: {said}");
    }
    assert!(curl(address, "/stream", &["-o", "/dev/null"]).ends_with("2 200"));
}

#[test]
fn many_requests_on_many_connections() {
    let server = builder().start();
    let url = format!("http://{}/connection", server.address());
    let load = Command::new("h2load").args(["-n", "4000", "-c", "20", "-m", "20", &url]).output().unwrap();
    let said = String::from_utf8(load.stdout).unwrap();
    assert!(said.contains("status codes: 4000 2xx"), "{said}");
    wait_until("each has its line", || server.access_log.count("status=200") == 4000);
    assert_eq!(server.access_log.count("complete=false"), 0);
}

#[test]
fn heads_are_held_to_the_rules_of_http_1() {
    let server = SERVER.get();
    let mut client = Http2::open(server.address(), &[]);
    for (name, value, expected) in [
        ("x-any", "1", 200),
        ("host", "test", 200),
        ("host", "other", 400),
        (":authority", "u@test", 400),
        (":path", "/connection?a", 200),
        (":path", "/connection\\", 400),
        (":path", "/conn\"ection", 400),
        (":path", "/nope", 404),
    ] {
        let stream = client.ask(&with(name, value), END_STREAM);
        let answer = client.wait_for(|frame| frame.stream == stream);
        // What is no message at all, h2 resets.
        let status = (answer.kind == kind::HEADERS).then(|| answer.status()).flatten().unwrap_or(400);
        assert_eq!(status, expected, "{name}: {value}");
    }
    // What belongs to a connection makes a message malformed (section 8.2.2).
    for name in ["connection", "transfer-encoding", "upgrade", "keep-alive"] {
        let stream = client.ask(&with(name, "x"), END_STREAM);
        let frame = client.wait_for(|frame| frame.stream == stream);
        assert_eq!(frame.kind, kind::RST_STREAM, "{name}: {frame:?}");
    }
    let stream = client.get("/connection");
    assert_eq!(client.status(stream), Some(200));
}

#[test]
fn one_that_is_taken_back_is_told_and_the_others_go_on() {
    let server = builder().start();
    let mut client = Http2::open(server.address(), &[]);
    let left = client.get("/files/large.bin");
    client.wait_for(|frame| frame.kind == kind::DATA && frame.stream == left);
    client.send(kind::RST_STREAM, 0, left, &CANCEL.to_be_bytes());
    let other = client.get("/connection");
    assert_eq!(client.status(other), Some(200));
    let line = server.access_log.wait_for("/files/large.bin");
    assert!(line.contains("complete=false"), "{line}");
}

#[test]
fn a_body_that_ends_early_is_reset_and_not_ended() {
    let server = Server::builder().listen_as_configured().config(LISTENER).guest("ill").start();
    let mut client = Http2::open(server.address(), &[]);
    let cut = client.get("/half");
    let end = client
        .wait_for(|frame| frame.stream == cut && frame.kind != kind::HEADERS && frame.kind != kind::DATA);
    assert_eq!((end.kind, end.error()), (kind::RST_STREAM, INTERNAL_ERROR));
    let other = client.get("/ok");
    assert_eq!(client.status(other), Some(200));
    let line = server.access_log.wait_for("/half");
    assert!(line.contains("complete=false"), "{line}");
}

#[test]
fn who_takes_nothing_loses_the_stream_and_no_other() {
    let server = builder().server("write_timeout = \"500ms\"").start();
    let mut client = Http2::open(server.address(), &[(WINDOW, 0)]);
    let stuck = client.get("/files/large.bin");
    assert_eq!(client.status(stuck), Some(200));
    let reset = client.wait_for(|frame| frame.stream == stuck);
    assert_eq!((reset.kind, reset.error()), (kind::RST_STREAM, CANCEL));
    let line = server.access_log.wait_for("/files/large.bin");
    assert!(line.contains("complete=false") && line.contains("bytes="), "{line}");
    // One without content needs no window.
    let other = client.ask(&with(":method", "HEAD"), END_STREAM);
    assert_eq!(client.status(other), Some(200));
}

#[test]
fn a_connection_has_so_many_requests_at_once_and_in_all() {
    let server = builder().server("streams_per_connection = 2").server("requests_per_connection = 3").start();
    let mut client = Http2::open(server.address(), &[]);
    let settings = client.wait_for(|frame| frame.kind == kind::SETTINGS);
    let streams = [&STREAMS.to_be_bytes()[..], &2_u32.to_be_bytes()].concat();
    assert!(settings.payload.chunks(6).any(|setting| setting == streams), "{settings:?}");
    for _ in 0..2 {
        let stream = client.get("/connection");
        assert_eq!(client.status(stream), Some(200));
    }
    let last = client.get("/connection");
    let frames = client.rest();
    assert!(frames.iter().any(|frame| frame.stream == last && frame.status() == Some(200)), "{frames:?}");
    assert!(frames.iter().any(|frame| frame.kind == kind::GOAWAY && frame.error() == NO_ERROR), "{frames:?}");
}

#[test]
fn a_drain_says_goodbye_and_lets_what_is_under_way_finish() {
    let mut server = builder().start();
    let mut client = Http2::open(server.address(), &[]);
    let slow = client.get("/sleep");
    // A round trip: it has arrived.
    client.send(kind::PING, 0, 0, &[0; 8]);
    client.wait_for(|frame| frame.kind == kind::PING);
    server.signal(rustix::process::Signal::TERM);
    let frames = client.rest();
    let of = |kind: u8| frames.iter().filter(move |frame| frame.kind == kind);
    assert!(of(kind::GOAWAY).all(|frame| frame.error() == NO_ERROR) && of(kind::GOAWAY).count() > 0);
    assert!(of(kind::HEADERS).any(|frame| frame.stream == slow && frame.status() == Some(200)), "{frames:?}");
    assert_eq!(server.wait_exit().code, Some(0));
}

#[test]
fn idle_connections_are_closed_in_time() {
    let server = builder().server("idle_timeout = \"300ms\"").server("head_timeout = \"300ms\"").start();
    for asks in [false, true] {
        let mut client = Http2::open(server.address(), &[]);
        if asks {
            let stream = client.get("/connection");
            assert_eq!(client.status(stream), Some(200));
        }
        let ended = client.rest();
        assert!(ended.iter().any(|frame: &Frame| frame.kind == kind::GOAWAY), "{ended:?}");
    }
}

/// What costs a client little and a server much, a few thousand times: the connection is closed,
/// and others notice nothing.
#[test]
fn floods_end_their_connection_and_nothing_else() {
    let server = builder().start();
    let request = head(&with("x-any", "1"));
    type Flood<'f> = &'f dyn Fn(&mut Http2, u32) -> std::io::Result<()>;
    let floods: [(&str, Flood<'_>); 5] = [
        // CVE-2023-44487
        ("requests that are taken back", &|client, n| {
            client.try_send(kind::HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, &request)?;
            client.try_send(kind::RST_STREAM, 0, 2 * n + 1, &CANCEL.to_be_bytes())
        }),
        // CVE-2024-27316 and its siblings
        ("a head without an end", &|client, n| match n {
            0 => client.try_send(kind::HEADERS, END_STREAM, 1, &request),
            _ => client.try_send(kind::CONTINUATION, 0, 1, &head(&[("x-any", &"x".repeat(1000))])),
        }),
        ("empty pieces of a head", &|client, n| match n {
            0 => client.try_send(kind::HEADERS, END_STREAM, 1, &request),
            _ => client.try_send(kind::CONTINUATION, 0, 1, &[]),
        }),
        // CVE-2025-8671: what makes the server reset
        ("windows that overflow", &|client, n| {
            client.try_send(kind::HEADERS, END_HEADERS, 2 * n + 1, &request)?;
            client.try_send(kind::WINDOW_UPDATE, 0, 2 * n + 1, &0x7fff_ffff_u32.to_be_bytes())
        }),
        ("frames of no stream", &|client, _| client.try_send(kind::DATA, 0, 0, &[])),
    ];
    for (name, flood) in floods {
        let mut client = Http2::open(server.address(), &[]);
        let reader = client.another();
        // What comes back is read, so that the server is not merely stuck.
        let reading = std::thread::spawn(move || reader.drain());
        let refused = (0..200_000).any(|n| flood(&mut client, n).is_err());
        assert!(refused, "{name}: nobody minds");
        reading.join().unwrap();
        assert_eq!(curl(server.address(), "/connection", &[]), "HTTP/2.0 plain\n2 200", "{name}");
    }
    assert!(server.peak_memory() < 600 << 20, "{}", server.peak_memory());
}
