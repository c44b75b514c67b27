//! Heads and framings that are malformed, dangerous behind a proxy, too large or too
//! slow: refused, in the server's own format.

use patchboard_tests::{Connection, Reply, Server, Shared};

static SERVER: Shared = Shared::new(|| {
    Server::builder().server("head_timeout = \"2s\"\nhead_bytes = \"16KiB\"").demo("hello").guest("ill").start()
});

/// Refused with `status`, in the server's format, and the connection is closed: where
/// the next request begins is not known.
#[track_caller]
fn check(request: &str, status: u16) {
    let mut connection = SERVER.get().connect();
    // The server may answer and close before it has read all.
    connection.try_send(request).ok();
    let shown: String = request.chars().take(200).collect();
    let reply = connection.reply();
    assert_eq!(reply.status, status, "{shown:?}");
    reply.expect_error(status);
    closed(&mut connection, &reply);
}

#[track_caller]
fn closed(connection: &mut Connection, reply: &Reply) {
    assert_eq!(reply.header("connection"), Some("close"), "{reply:?}");
    connection.expect_closed();
}

#[test]
fn a_malformed_request_line_is_400() {
    for line in ["nonsense", "GET", "GET /", "GET / HTTP/9.9", "GET / HTTP/1.1 more", "G(T / HTTP/1.1", "GET /a b HTTP/1.1"] {
        check(&format!("{line}\r\nHost: test\r\n\r\n"), 400);
    }
}

#[test]
fn a_malformed_field_is_400() {
    for field in ["no colon", "Bad Name: x", "X-Space : x", ": x", "X: a\u{1}b", " X: folded", "X: a\r\n folded"] {
        check(&format!("GET /ok HTTP/1.1\r\nHost: test\r\n{field}\r\n\r\n"), 400);
    }
}

#[test]
fn two_framings_are_400() {
    check("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
}

#[test]
fn lengths_that_differ_are_400() {
    check("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400);
    check("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 5, 6\r\n\r\nhello!", 400);
}

#[test]
fn a_length_that_is_no_number_is_400() {
    for length in ["x", "-1", "+5", "5 5", "0x5", "99999999999999999999999", ""] {
        check(&format!("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n"), 400);
    }
}

#[test]
fn a_coding_nobody_knows_is_501() {
    check("POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501);
}

#[test]
fn chunked_comes_last_and_once() {
    for coding in ["chunked, identity", "chunked, chunked", "xchunked", "chunked\r\nTransfer-Encoding: chunked"] {
        let mut connection = SERVER.get().connect();
        connection.send(format!("POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: {coding}\r\n\r\n0\r\n\r\n"));
        let reply = connection.reply();
        assert!(matches!(reply.status, 400 | 501), "{coding}: {reply:?}");
        closed(&mut connection, &reply);
    }
}

#[test]
fn http_1_0_has_no_chunks() {
    check("POST /echo HTTP/1.0\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
}

#[test]
fn a_bare_line_feed_ends_no_line() {
    check("GET /ok HTTP/1.1\nHost: test\n\n", 400);
    check("GET /ok HTTP/1.1\r\nHost: test\nX: y\r\n\r\n", 400);
}

#[test]
fn a_malformed_chunk_ends_the_connection() {
    for chunk in ["zz\r\nhello\r\n", "5\nhello\r\n", "3\r\nhello\r\n", "-1\r\n", "FFFFFFFFFFFFFFFFF\r\nx\r\n"] {
        let mut connection = SERVER.get().connect();
        connection.send("POST /slow-read HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
        connection.try_send(chunk).ok();
        connection.try_send("GET /ok HTTP/1.1\r\nHost: test\r\n\r\n").ok();
        let answer = String::from_utf8_lossy(&connection.rest()).into_owned();
        assert!(!answer.contains("\r\n\r\nok"), "what follows a bad chunk is no request: {chunk:?} {answer}");
    }
}

#[test]
fn a_head_over_its_limit_is_431() {
    check(&format!("GET /ok HTTP/1.1\r\nHost: test\r\nX-Long: {}\r\n\r\n", "x".repeat(32 << 10)), 431);
    let many: String = (0..400).map(|i| format!("X-{i}: y\r\n")).collect();
    check(&format!("GET /ok HTTP/1.1\r\nHost: test\r\n{many}\r\n"), 431);
}

#[test]
fn a_target_over_its_limit_is_414() {
    check(&format!("GET /{} HTTP/1.1\r\nHost: test\r\n\r\n", "x".repeat(32 << 10)), 414);
}

#[test]
fn a_head_that_is_too_slow_is_408() {
    let mut connection = SERVER.get().connect();
    connection.send("GET /ok HTTP/1.1\r\nHost: te");
    let reply = connection.reply();
    reply.expect_error(408);
    closed(&mut connection, &reply);
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let mut connection = SERVER.get().connect();
    connection.get("/ok").expect(200, "ok");
    connection.expect_closed();
}

#[test]
fn an_expectation_nobody_meets_is_417() {
    let reply = SERVER.get().raw("GET /ok HTTP/1.1\r\nHost: test\r\nExpect: the-impossible\r\n\r\n");
    reply.expect_error(417);
}

#[test]
fn refusals_have_a_line_in_the_access_log() {
    let server = SERVER.get();
    let reply = server.raw("nonsense\r\n\r\n");
    server.access_log.wait_for_all(&[reply.request_id(), "status=400"]);
}

#[test]
fn connections_beyond_the_limit_wait_for_a_place() {
    let server = Server::builder().server("connections = 2").demo("hello").start();
    let (mut first, mut second) = (server.connect(), server.connect());
    first.get("/").expect(200, "Hello, world");
    second.get("/").expect(200, "Hello, world");
    let mut third = server.connect();
    third.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    drop(first);
    third.reply().expect(200, "Hello, world");
    second.get("/").expect(200, "Hello, world");
}
