//! The framing guard: what is refused before hyper sees it, how that is answered and
//! logged, and that everything else comes through unharmed.
//!
//! Where a test sleeps, it is a client that is slow.

use std::time::{Duration, Instant};

use patchboard_tests::{BodyEnd, Connection, Server, Shared};

static SERVER: Shared = Shared::new(|| {
    Server::builder()
        .server("head_timeout = \"1s\"\nidle_timeout = \"1s\"\nhead_bytes = \"16KiB\"")
        .demo("hello")
        .demo("demo1")
        .guest("ill")
        .start()
});

const OK: &str = "GET /ok HTTP/1.1\r\nHost: test\r\n\r\n";

/// The refused heads and their statuses.
fn refused() -> Vec<(u16, String)> {
    let field = |field: &str| format!("POST /ok HTTP/1.1\r\nHost: test\r\n{field}\r\n\r\n");
    let mut heads = vec![
        (400, "GET /ok HTTP/1.1\nHost: test\n\n".to_owned()),
        (400, "GET  /ok HTTP/1.1\r\nHost: test\r\n\r\n".to_owned()),
        (400, "GET /ok HTTP/1.1 \r\nHost: test\r\n\r\n".to_owned()),
        (400, "G(T /ok HTTP/1.1\r\nHost: test\r\n\r\n".to_owned()),
        (400, "GET ok HTTP/1.1\r\nHost: test\r\n\r\n".to_owned()),
        (400, "\u{16}\u{3}\u{1}".to_owned()),
        (400, "CONNECT test:443 HTTP/1.1\r\nHost: test:443\r\n\r\n".to_owned()),
        (400, "POST /ok HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned()),
        (505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
        (414, format!("GET /{} HTTP/1.1\r\nHost: test\r\n\r\n", "a".repeat(9000))),
        (431, field(&format!("A: {}", "a".repeat(20_000)))),
        (431, field(&["A: b"; 100].join("\r\n"))),
        (501, field("Transfer-Encoding: gzip, chunked")),
        (501, field("Transfer-Encoding: identity")),
    ];
    heads.extend(
        [
            "A: b\r\n folded",
            "A : b",
            "A",
            ": b",
            "A: \0",
            "A: b\rc",
            "Content-Length: 1,1",
            "Content-Length: +1",
            "Content-Length: 99999999999999999999",
            "Content-Length: 0\r\nContent-Length: 0",
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked, chunked",
            "Transfer-Encoding: chunked, identity",
        ]
        .map(|text| (400, field(text))),
    );
    heads
}

/// The last reply on a connection.
#[track_caller]
fn expect_last(connection: &mut Connection, status: u16) {
    let reply = connection.reply();
    reply.expect_error(status);
    assert_eq!(reply.header("connection"), Some("close"));
    assert_eq!(reply.header("content-length"), Some(reply.body.len().to_string().as_str()));
    assert!(reply.header("date").is_some_and(|date| date.ends_with(" GMT")));
    connection.expect_closed();
    let line = SERVER.get().access_log.wait_for(reply.request_id());
    assert!(line.contains(&format!("status={status}")), "{line}");
    assert!(line.contains(&format!("bytes={}", reply.body.len())), "{line}");
    assert!(!line.contains("complete=false"), "{line}");
}

#[test]
fn a_refused_head_is_answered_and_logged() {
    let server = SERVER.get();
    for (status, head) in refused() {
        let mut connection = server.connect();
        connection.send(&head);
        expect_last(&mut connection, status);
    }
}

#[test]
fn a_refusal_is_the_same_byte_by_byte() {
    let server = SERVER.get();
    for (status, head) in refused().into_iter().filter(|(_, head)| head.len() < 1000) {
        let mut connection = server.connect();
        for byte in head.as_bytes() {
            // What comes after the refused byte need not be taken.
            connection.try_send([*byte]).ok();
        }
        expect_last(&mut connection, status);
    }
}

#[test]
fn a_refusal_comes_after_the_responses_before_it() {
    let server = SERVER.get();
    for (status, head) in refused() {
        let mut connection = server.connect();
        connection.send(format!(
            "GET /sleep?ms=20 HTTP/1.1\r\nHost: test\r\n\r\n\
             POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n\
             {OK}{head}{OK}"
        ));
        connection.reply().expect(200, "slept");
        connection.reply().expect(200, "body");
        connection.reply().expect(200, "ok");
        expect_last(&mut connection, status);
    }
}

#[test]
fn a_refusal_waits_for_a_request_under_way() {
    let mut connection = SERVER.get().connect();
    connection.send("GET /sleep?ms=300 HTTP/1.1\r\nHost: test\r\n\r\n");
    SERVER.get().log.wait_for("sleep: begins");
    connection.send("GET /ok HTTP/1.1\nHost: test\n\n");
    connection.reply().expect(200, "slept");
    expect_last(&mut connection, 400);
}

#[test]
fn a_refusal_waits_for_a_large_response_to_be_written() {
    let mut connection = SERVER.get().connect();
    let body = "0123456789abcdef".repeat(1 << 18);
    begin_upload(&mut connection, body.len());
    connection.send(&body[..64 << 10]);
    let head = connection.head();
    // The response is read while the rest is sent, or both would wait for each other.
    std::thread::scope(|scope| {
        let mut sender = connection.another();
        scope.spawn(move || {
            sender.send(&body[64 << 10..]);
            sender.send("GET /ok HTTP/1.1\nHost: test\n\n");
        });
        let (back, end) = connection.body(&head);
        assert_eq!((back.len(), end), (16 << 18, BodyEnd::Complete));
        expect_last(&mut connection, 400);
    });
}

#[test]
fn after_a_close_nothing_is_refused() {
    let mut connection = SERVER.get().connect();
    connection.send("GET /ok HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\nGET /ok HTTP/1.1\n\n");
    connection.reply().expect(200, "ok");
    connection.expect_closed();
}

#[test]
fn what_follows_a_refused_head_is_no_request() {
    let server = SERVER.get();
    let mut connection = server.connect();
    connection.send(
        "POST /ok HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\
         GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n",
    );
    expect_last(&mut connection, 400);
    assert_eq!(server.access_log.count("/smuggled"), 0);
}

#[test]
fn the_log_tells_method_and_target_of_a_refused_head_where_it_can() {
    let server = SERVER.get();
    let log = |head: &str| {
        let reply = server.raw(head);
        server.access_log.wait_for(reply.request_id())
    };
    let line = log("POST /refused?a=b HTTP/1.1\r\nContent-Length: x\r\n\r\n");
    assert!(line.contains("method=POST target=\"/refused?a=b\" status=400"), "{line}");
    let line = log("\u{16}\u{3}\u{1}");
    assert!(line.contains("method=- target=\"-\" status=400"), "{line}");
}

#[test]
fn a_refusal_comes_as_the_client_accepts_it() {
    let server = SERVER.get();
    for (accept, expected) in
        [("text/html", "text/html; charset=utf-8"), ("application/json", "application/json")]
    {
        let head =
            format!("GET / HTTP/1.1\r\nHost: test\r\nACCEPT:  {accept}\r\nTransfer-Encoding: gzip\r\n\r\n");
        let reply = server.raw(&head);
        assert_eq!((reply.status, reply.header("content-type")), (501, Some(expected)));
    }
}

#[test]
fn a_refused_head_request_has_no_body_in_its_answer() {
    let mut connection = SERVER.get().connect();
    connection.send("HEAD / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: gzip\r\n\r\n");
    assert_eq!(connection.head().status, 501);
    connection.expect_closed();
}

#[test]
fn a_client_that_goes_on_sending_gets_the_answer() {
    let mut connection = SERVER.get().connect();
    connection.send("POST /ok HTTP/1.1\r\nHost: test\r\nContent-Length: x\r\n\r\n");
    for _ in 0..8 {
        connection.try_send([b'x'; 64 << 10]).ok();
    }
    connection.reply().expect_error(400);
}

#[test]
fn a_slow_head_is_408() {
    let server = SERVER.get();
    for first in ["", OK] {
        let mut connection = server.connect();
        connection.send(first);
        if !first.is_empty() {
            connection.reply().expect(200, "ok");
        }
        let start = Instant::now();
        // Bytes in between do not make it any faster.
        for byte in b"GET /slow HTTP/1.1\r\nHo" {
            connection.try_send([*byte]).ok();
            std::thread::sleep(Duration::from_millis(30));
        }
        expect_last(&mut connection, 408);
        let took = start.elapsed();
        assert!((Duration::from_millis(900)..Duration::from_secs(5)).contains(&took), "{took:?}");
    }
}

#[test]
fn a_connection_without_a_request_is_closed_without_a_word() {
    let server = SERVER.get();
    // Empty lines are not a request.
    for bytes in ["", "\r\n", OK] {
        let mut connection = server.connect();
        connection.send(bytes);
        if bytes == OK {
            connection.reply().expect(200, "ok");
        }
        let start = Instant::now();
        connection.expect_closed();
        let took = start.elapsed();
        assert!((Duration::from_millis(900)..Duration::from_secs(5)).contains(&took), "{took:?}");
    }
}

#[test]
fn a_head_is_not_slow_while_an_earlier_request_takes_its_time() {
    let mut connection = SERVER.get().connect();
    connection.send("GET /sleep?ms=1500 HTTP/1.1\r\nHost: test\r\n\r\nGET /ok HTTP/1.1\r\nHo");
    connection.reply().expect(200, "slept");
    connection.send("st: test\r\n\r\n");
    connection.reply().expect(200, "ok");
}

#[test]
fn a_body_may_take_longer_than_a_head() {
    let mut connection = SERVER.get().connect();
    begin_upload(&mut connection, 10);
    for byte in b"0123456789" {
        std::thread::sleep(Duration::from_millis(150));
        connection.send([*byte]);
    }
    connection.reply().expect(200, "0123456789");
    connection.get("/ok").expect(200, "ok");
}

#[test]
fn pipelined_requests_pass_in_any_split() {
    let requests = format!(
        "{OK}\r\nPOST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody\
         POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n\
         2;a=b\r\nbo\r\n2\r\ndy\r\n0\r\nTrailer: c\r\n\r\n{OK}"
    );
    for size in [1, 2, 3, 7, 50, 101, 1000] {
        let mut connection = SERVER.get().connect();
        for piece in requests.as_bytes().chunks(size) {
            connection.send(piece);
        }
        for body in ["ok", "body", "body", "ok"] {
            connection.reply().expect(200, body);
        }
    }
}

#[test]
fn large_uploads_pass_with_a_length_and_chunked() {
    let part: Vec<u8> = (0..40_000_u32).map(|i| (i.wrapping_mul(97) >> 5) as u8).collect();
    let whole = part.repeat(100);
    let mut connection = SERVER.get().connect();
    for chunked in [false, true] {
        let framing = match chunked {
            true => "Transfer-Encoding: chunked".to_owned(),
            false => format!("Content-Length: {}", whole.len()),
        };
        connection.send(format!("POST /echo HTTP/1.1\r\nHost: test\r\n{framing}\r\n\r\n"));
        let mut sender = connection.another();
        let (part, whole) = (&part, &whole);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for _ in 0..100 {
                    match chunked {
                        true => sender.send([b"9c40\r\n", part.as_slice(), b"\r\n"].concat()),
                        false => sender.send(part),
                    }
                }
                if chunked {
                    sender.send("0\r\nChecksum: 1\r\n\r\n");
                }
            });
            let reply = connection.reply();
            assert_eq!(reply.status, 200);
            assert!(reply.body == *whole, "{} bytes came back", reply.body.len());
        });
        connection.get("/ok").expect(200, "ok");
    }
}

#[test]
fn a_guest_is_told_that_a_body_is_malformed() {
    for chunk in ["zz\r\nhello\r\n", "5\nhello\r\n", "5\r\nhelloworld\r\n"] {
        let mut connection = SERVER.get().connect();
        connection.send(
            "POST /demo1/x HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n",
        );
        connection.try_send(chunk).ok();
        let reply = connection.reply();
        assert_eq!(reply.status, 400);
        assert!(reply.text().contains("the body is malformed"), "{}", reply.text());
    }
}

#[test]
fn a_malformed_chunk_gets_no_second_answer() {
    let server = SERVER.get();
    for chunk in
        ["zz\r\n", "3\nabc\r\n", "3;\u{1}\r\nabc\r\n", "3\r\nabcd\r\n", "0\r\nA : b\r\n\r\n", "3 \r\nabc\r\n"]
    {
        // Its response has begun.
        let mut connection = server.connect();
        connection
            .send("POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
        let head = connection.head();
        assert_eq!((head.status, connection.chunk().unwrap()), (200, b"first".to_vec()));
        connection.send(format!("{chunk}{OK}"));
        let rest = String::from_utf8_lossy(&connection.rest()).into_owned();
        assert!(!rest.contains("HTTP/1.1"), "{chunk:?}: {rest}");
        // It has not: the one answer is the handler's.
        let mut connection = server.connect();
        connection.send("POST /slow-read HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
        connection.send(format!("{chunk}{OK}"));
        let rest = String::from_utf8_lossy(&connection.rest()).into_owned();
        assert!(rest.matches("HTTP/1.1 ").count() <= 1 && !rest.contains("\r\n\r\nok"), "{chunk:?}: {rest}");
    }
}

#[test]
fn a_head_that_is_not_complete_gets_a_moment_in_a_drain() {
    let mut server = Server::builder().server("cores = 1").demo("hello").start();
    let mut connection = server.connect();
    connection.get("/").expect(200, "Hello, world");
    connection.send("GET / HTTP/1.1\r\nHo");
    // It has arrived when the same core has answered another request after it.
    server.get("/").expect(200, "Hello, world");
    server.signal(rustix::process::Signal::TERM);
    server.log.wait_for("draining");
    connection.send("st: test\r\n\r\n");
    connection.reply().expect(200, "Hello, world");
    connection.expect_closed();
    assert_eq!(server.wait_exit().code, Some(0));
}

/// Begins an upload of `length` bytes to `/echo`.
fn begin_upload(connection: &mut Connection, length: usize) {
    connection.send(format!("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n"));
}
