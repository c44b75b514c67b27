//! Request bodies that break off, are malformed, too long or too slow: whatever reads them,
//! the client is told that it is its doing.

use patchboard_tests::{Connection, Server, ServerBuilder};

/// What reads a body, and the media type it wants.
const READERS: [(&str, &str); 8] = [
    ("/string", "text/plain"),
    ("/bytes", "application/octet-stream"),
    ("/form", "application/x-www-form-urlencoded"),
    ("/json", "application/json"),
    ("/multipart", "multipart/form-data; boundary=b"),
    ("/by-hand", "multipart/form-data; boundary=b"),
    ("/stream", "text/plain"),
    ("/panic", "text/plain"),
];

/// The beginning of a form; for others it is any text.
const PART: &str = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\nsome bytes";

fn builder(limits: &str) -> ServerBuilder {
    Server::builder().guest("reading").config(&format!("[handlers.reading.limits]\n{limits}"))
}

fn begin(server: &Server, (path, media_type): (&str, &str), framing: &str) -> Connection {
    let mut connection = server.connect();
    connection.send(format!(
        "POST {path} HTTP/1.1\r\nHost: test\r\nContent-Type: {media_type}\r\n{framing}\r\n\r\n"
    ));
    connection
}

/// The beginning as a chunk.
fn chunk() -> String {
    format!("{:x}\r\n{PART}\r\n", PART.len())
}

#[test]
fn a_body_that_breaks_off_or_is_badly_chunked_is_400() {
    let server = builder("").start();
    for reader in READERS {
        for (framing, body) in [
            ("Content-Length: 100000", PART.to_owned()),
            ("Transfer-Encoding: chunked", chunk()),
            ("Transfer-Encoding: chunked", format!("{}5\r\nab", chunk())),
        ] {
            let mut connection = begin(&server, reader, framing);
            connection.send(body);
            connection.finish_sending();
            let reply = connection.reply();
            assert_eq!(reply.status, 400, "{reader:?} {framing}: {reply:?}");
        }
        for malformed in ["zz\r\n", "5\r\nabcdefgh\r\n", "-1\r\n", "5;\r\nabcde\r\n"] {
            let mut connection = begin(&server, reader, "Transfer-Encoding: chunked");
            connection.send(chunk());
            connection.send(malformed);
            let reply = connection.reply();
            assert_eq!(reply.status, 400, "{reader:?} {malformed:?}: {reply:?}");
        }
    }
    // A form that ends before its last boundary is not whole either.
    for path in ["/multipart", "/by-hand"] {
        let url = server.url(path);
        let reply = server.client().post(&url, "multipart/form-data; boundary=b", PART.as_bytes());
        assert_eq!(reply.status, 400, "{path} {reply:?}");
        let whole = format!("{PART}\r\n--b--\r\n");
        server.client().post(&url, "multipart/form-data; boundary=b", whole.as_bytes()).expect(200, "10");
    }
}

#[test]
fn a_body_over_its_limit_is_413_and_a_slow_one_408() {
    let server = builder("request_body_bytes = 1000\nbody_idle_timeout = \"200ms\"").start();
    for reader in READERS {
        let mut connection = begin(&server, reader, "Transfer-Encoding: chunked");
        connection.send(chunk());
        connection.send(format!("7d0\r\n{}\r\n", "x".repeat(2000)));
        let reply = connection.reply();
        assert_eq!(reply.status, 413, "{reader:?} {reply:?}");
        let mut connection = begin(&server, reader, "Content-Length: 900");
        connection.send(PART);
        let reply = connection.reply();
        assert_eq!(reply.status, 408, "{reader:?} {reply:?}");
    }
}

#[test]
fn what_a_handler_says_itself_of_a_broken_body_stays() {
    let server = builder("").start();
    for (path, status) in [("/conflict", 409), ("/unread", 500)] {
        let mut connection = begin(&server, (path, "text/plain"), "Transfer-Encoding: chunked");
        connection.send(format!("{}zz\r\n", chunk()));
        assert_eq!(connection.reply().status, status, "{path}");
    }
}

/// Ways to break off a body, and what is answered.
type Broken = (&'static str, &'static str, u16);

const BROKEN: [Broken; 4] = [
    ("Content-Length: 10", "abc", 400),
    ("Transfer-Encoding: chunked", "3\r\nabc\r\nzz\r\n", 400),
    ("Transfer-Encoding: chunked", "64\r\n", 413),
    ("Content-Length: 10", "abc", 408),
];

/// Limits within which the last two of [`BROKEN`] are too long, and too slow.
const NARROW: &str = "request_body_bytes = 50\nbody_idle_timeout = \"100ms\"";

fn break_off(server: &Server, path: &str, (framing, body, status): Broken) {
    let mut connection = begin(server, (path, "text/plain"), framing);
    connection.send(body);
    match status {
        413 => connection.send("x".repeat(100)),
        408 => {}
        _ => connection.finish_sending(),
    }
    let reply = connection.reply();
    assert_eq!(reply.status, status, "{path} {framing} {body:?}: {reply:?}");
}

#[test]
fn who_hands_a_broken_body_on_is_not_at_fault() {
    let guests = [("/ill/echo", "ill"), ("/p2/request", "p2-hello"), ("/p3/request", "p3-hello")];
    let mut builder = Server::builder();
    for (path, guest) in guests {
        let name = path.split('/').nth(1).unwrap();
        let routes = match guest {
            "ill" => "routes = [{ route = \"POST /ill/echo\", name = \"echo\" }]\n",
            _ => "",
        };
        builder = builder.guest_as(guest, name).config(&format!("[handlers.{name}]\n{routes}"));
    }
    let server = builder.start();
    for (path, _) in guests {
        // Before a byte of the answer: a body that has begun is cut.
        for (framing, body) in [("Content-Length: 10", ""), ("Transfer-Encoding: chunked", "zz\r\n")] {
            break_off(&server, path, (framing, body, 400));
        }
    }
    // Some of them say so themselves.
    let blamed = ["the response is invalid", "the handler passed on"].map(|text| server.log.count(text));
    assert_eq!(blamed, [0, 0], "{:?}", server.log.lines());
}

#[test]
fn broken_bodies_are_no_reason_to_pause_a_path_for_others() {
    let server = Server::builder()
        .guest("reading")
        .guest_as("p2-hello", "p2")
        .config(&format!("[handlers.reading.limits]\n{NARROW}\n[handlers.p2.limits]\n{NARROW}"))
        .start();
    for broken in BROKEN {
        for path in ["/panic", "/p2/request"] {
            for _ in 0..20 {
                break_off(&server, path, broken);
            }
        }
    }
    let url = server.url("/p2/request");
    let reply = server.client().post(&url, "text/plain", b"whole");
    assert_eq!(reply.status, 200, "{reply:?}");
    let reply = server.client().post(&server.url("/panic"), "text/plain", b"whole");
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(server.log.count("keeps trapping"), 0, "{:?}", server.log.lines());
}

#[test]
fn broken_bodies_take_no_new_version_back() {
    let server = builder("").start();
    server.log.wait_for("loaded handler=\"reading\"");
    // Another version: a custom section more.
    let mut bytes = std::fs::read(server.handler_file("reading")).unwrap();
    bytes.extend_from_slice(b"\x00\x05\x04more");
    server.put("handlers/reading.wasm", bytes);
    server.log.wait_for_count("loaded handler=\"reading\"", 2);
    for _ in 0..8 {
        break_off(&server, "/panic", BROKEN[0]);
    }
    server.client().post(&server.url("/string"), "text/plain", b"whole").expect(200, "5");
    assert_eq!(server.log.count("trapped in its first calls"), 0, "{:?}", server.log.lines());
}
