//! The rules of HTTP that hold for every route: methods, framing, connections, the
//! request id, error bodies, probes.

use patchboard_tests::{Reply, Server, Shared};

static SERVER: Shared = Shared::new(server);
/// For calls that trap: a neighbour's POST fails with them, as it may.
static TRAPPING: Shared = Shared::new(server);

fn server() -> Server {
    Server::builder().demo("hello").demo("demo1").guest("ill").start()
}

/// The methods that `Allow` names, sorted.
#[track_caller]
fn allowed(reply: &Reply) -> Vec<&str> {
    let mut methods: Vec<_> = reply.header("allow").expect("Allow is there").split(", ").collect();
    methods.sort_unstable();
    methods
}

#[test]
fn head_has_the_fields_of_get_and_no_body() {
    let server = SERVER.get();
    let (get, head) = (server.get("/"), server.client().head(&server.url("/")));
    assert_eq!((head.status, head.body.len()), (200, 0));
    for field in ["content-type", "content-length"] {
        assert_eq!(head.header(field), get.header(field), "{field}");
    }
    // The next response must not be taken for the body of this one.
    let mut connection = server.connect();
    connection.send("HEAD / HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(connection.head().header("content-length"), Some("12"));
    connection.get("/").expect(200, "Hello, world");
}

#[test]
fn head_of_a_streamed_response_ends_with_its_head() {
    let limits = |name: &str| format!("[handlers.{name}.limits]\ncalls = 1\n");
    let server = Server::builder()
        .guest("ill")
        .guest("p2-hello")
        .guest("p3-hello")
        .config(&["ill", "p2-hello", "p3-hello"].map(limits).concat())
        .start();
    let cases = [
        ("/endless", "/ok"),
        ("/stall", "/ok"),
        ("/p2-hello/stream", "/p2-hello"),
        ("/p3-hello/stream", "/p3-hello"),
    ];
    for (streamed, other) in cases {
        let mut connection = server.connect();
        connection.send(format!("HEAD {streamed} HTTP/1.1\r\nHost: test\r\n\r\n"));
        let head = connection.head();
        assert_eq!((head.status, head.header("content-length")), (200, None), "{streamed}");
        // The next response begins right after, and the call, of which there may be
        // one, is over.
        assert_eq!(connection.get(other).status, 200, "after HEAD {streamed}");
        let line = server.access_log.wait_for_all(&["method=HEAD", streamed]);
        assert!(line.contains("bytes=0") && !line.contains("complete=false"), "{line}");
    }
}

#[test]
fn no_route_is_404() {
    SERVER.get().get("/nothing/here").expect_error(404);
}

#[test]
fn another_method_is_405_and_allow_names_those_there_are() {
    let server = SERVER.get();
    let reply = server.get("/demo1/x");
    reply.expect_error(405);
    assert_eq!(allowed(&reply), ["OPTIONS", "POST"]);
    let reply = server.post_form("/", "a=b");
    reply.expect_error(405);
    assert_eq!(allowed(&reply), ["GET", "HEAD", "OPTIONS"]);
    let reply = server.raw("DELETE /sleep HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(allowed(&reply), ["GET", "HEAD", "OPTIONS", "POST"]);
}

#[test]
fn a_method_nobody_knows_is_405_too() {
    let reply = SERVER.get().raw("BREW / HTTP/1.1\r\nHost: test\r\n\r\n");
    reply.expect_error(405);
}

#[test]
fn options_tells_the_methods() {
    let server = SERVER.get();
    let reply = server.raw("OPTIONS /demo1/x HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!((reply.status, reply.body.len()), (204, 0));
    assert_eq!(allowed(&reply), ["OPTIONS", "POST"]);
    assert_eq!(server.raw("OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n").status, 204);
    server.raw("OPTIONS /nothing HTTP/1.1\r\nHost: test\r\n\r\n").expect_error(404);
}

#[test]
fn bad_percent_encoding_is_400() {
    let server = SERVER.get();
    for path in ["/%", "/%4", "/%zz", "/demo1/%e", "/a%2/b", "/%C3%A9%"] {
        server.raw(&format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")).expect_error(400);
    }
}

#[test]
fn host_is_there_once_and_valid() {
    let server = SERVER.get();
    server.raw("GET / HTTP/1.1\r\n\r\n").expect_error(400);
    server.raw("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n").expect_error(400);
    server.raw("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").expect_error(400);
    for host in ["a b", "a/b", "user@host", "http://a", "a:port", "[::1", "a\u{fe}"] {
        let reply = server.raw(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(reply.status, 400, "{host}");
    }
    for host in ["a", "a:80", "127.0.0.1:1", "[::1]:8080", "EXAMPLE.org.", ""] {
        let reply = server.raw(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(reply.status, 200, "{host}");
    }
}

#[test]
fn http_1_0_needs_no_host_and_closes() {
    let mut connection = SERVER.get().connect();
    connection.send("GET / HTTP/1.0\r\n\r\n");
    let rest = String::from_utf8(connection.rest()).unwrap();
    assert!(rest.starts_with("HTTP/1.") && rest.ends_with("\r\n\r\nHello, world"), "{rest}");
}

#[test]
fn connect_and_a_star_are_400() {
    let server = SERVER.get();
    server.raw("CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n").expect_error(400);
    server.raw("GET * HTTP/1.1\r\nHost: test\r\n\r\n").expect_error(400);
}

#[test]
fn an_absolute_target_is_answered_as_its_path() {
    let server = SERVER.get();
    server.raw("GET http://test/ HTTP/1.1\r\nHost: test\r\n\r\n").expect(200, "Hello, world");
    server.raw("GET http://test HTTP/1.1\r\nHost: test\r\n\r\n").expect(200, "Hello, world");
    server.raw("GET http://test/nothing HTTP/1.1\r\nHost: test\r\n\r\n").expect_error(404);
}

#[test]
fn a_query_is_not_part_of_the_path() {
    let server = SERVER.get();
    server.get("/?a=b&c=%zz").expect(200, "Hello, world");
    server.get("/ok?/../x").expect(200, "ok");
}

#[test]
fn a_connection_is_kept_for_further_requests() {
    let mut connection = TRAPPING.get().connect();
    connection.get("/").expect(200, "Hello, world");
    assert_eq!(connection.get("/nothing").status, 404);
    connection.get("/ok").expect(200, "ok");
    assert_eq!(connection.get("/trap").status, 500);
    connection.get("/").expect(200, "Hello, world");
}

#[test]
fn a_client_may_ask_to_close() {
    let mut connection = SERVER.get().connect();
    connection.send("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    let reply = connection.reply();
    reply.expect(200, "Hello, world");
    assert_eq!(reply.header("connection"), Some("close"));
    connection.expect_closed();
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let mut connection = SERVER.get().connect();
    connection.send(
        "GET /sleep?ms=100 HTTP/1.1\r\nHost: test\r\n\r\n\
         GET / HTTP/1.1\r\nHost: test\r\n\r\n\
         POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody\
         GET /ok HTTP/1.1\r\nHost: test\r\n\r\n",
    );
    connection.reply().expect(200, "slept");
    connection.reply().expect(200, "Hello, world");
    connection.reply().expect(200, "body");
    connection.reply().expect(200, "ok");
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let mut connection = SERVER.get().connect();
    for byte in
        b"POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    {
        connection.send([*byte]);
    }
    connection.reply().expect(200, "abc");
}

#[test]
fn chunked_bodies_come_through_whole() {
    let mut connection = SERVER.get().connect();
    connection.send("POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
    connection.send("5\r\nHello\r\n2;extension=1\r\n, \r\n");
    connection.send("00006\r\nchunks\r\n0\r\nX-Trailer: 1\r\n\r\n");
    connection.reply().expect(200, "Hello, chunks");
    connection.get("/ok").expect(200, "ok");
}

#[test]
fn a_streamed_answer_comes_while_the_body_is_still_sent() {
    let mut connection = SERVER.get().connect();
    connection.send("POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
    let head = connection.head();
    assert_eq!(head.status, 200);
    assert_eq!(connection.chunk().unwrap(), b"first");
    connection.send("6\r\nsecond\r\n");
    assert_eq!(connection.chunk().unwrap(), b"second");
    connection.send("0\r\n\r\n");
    assert_eq!(connection.chunk().unwrap(), b"");
}

#[test]
fn a_mebibyte_comes_back_as_it_went() {
    let server = SERVER.get();
    let body: Vec<u8> = (0..1 << 20).map(|i: u32| (i.wrapping_mul(97) >> 5) as u8).collect();
    let reply = server.client().post(&server.url("/echo"), "application/octet-stream", &body);
    assert_eq!(reply.status, 200);
    assert!(reply.body == body, "{} bytes came back", reply.body.len());
}

#[test]
fn expect_100_continue_is_answered_before_the_body() {
    let mut connection = SERVER.get().connect();
    connection.send("POST /echo HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    assert_eq!(connection.head().status, 100);
    connection.send("body");
    connection.reply().expect(200, "body");
}

#[test]
fn who_expects_100_is_told_at_once_that_there_is_no_route() {
    let mut connection = SERVER.get().connect();
    connection
        .send("POST /nothing HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    assert_eq!(connection.head().status, 404);
}

#[test]
fn a_body_nobody_reads_does_not_hurt_the_next_request() {
    let server = SERVER.get();
    let mut connection = server.connect();
    connection.send("POST /unread HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n0123456789");
    connection.reply().expect(200, "not interested");
    connection.get("/ok").expect(200, "ok");
    // One that is larger than what the server reads in vain may cost the connection.
    let mut connection = server.connect();
    connection.send("POST /unread HTTP/1.1\r\nHost: test\r\nContent-Length: 100000000\r\n\r\n0123456789");
    connection.reply();
}

#[test]
fn the_request_id_is_the_same_everywhere() {
    let server = SERVER.get();
    let reply = server.get("/nothing/of/this/id");
    let id = reply.request_id();
    assert!(id.len() >= 16, "{id}");
    assert!(reply.text().contains(id), "{}", reply.text());
    let line = server.access_log.wait_for(&format!("request_id={id}"));
    assert!(line.contains("status=404") && line.contains("target=\"/nothing/of/this/id\""), "{line}");
    let other = server.get("/");
    assert_ne!(other.request_id(), id);
}

#[test]
fn a_failure_in_the_log_has_the_request_id() {
    let server = TRAPPING.get();
    let reply = server.get("/trap");
    reply.expect_error(500);
    server.log.wait_for_all(&["ERROR", reply.request_id(), "handler=\"ill\""]);
}

#[test]
fn a_request_id_of_the_client_is_not_believed() {
    let server = SERVER.get();
    let reply = server.client().get_with(&server.url("/"), &[("x-request-id", "forged-id")]);
    assert_ne!(reply.request_id(), "forged-id");
    server.access_log.wait_for(reply.request_id());
    assert_eq!(server.access_log.count("forged-id"), 0);
}

#[test]
fn the_access_log_tells_handler_route_and_bytes() {
    let server = SERVER.get();
    let reply = server.post_form("/demo1/x", "key=k");
    let line = server.access_log.wait_for(reply.request_id());
    for part in [
        "method=POST",
        "target=\"/demo1/x\"",
        "status=200",
        "bytes=22",
        "handler=demo1",
        "route=\"/demo1/{name}\"",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
}

#[test]
fn the_access_log_may_be_json_or_off() {
    let server = Server::builder().server("access_log = \"json\"").start();
    let reply = server.raw("GET /nothing?a='b' HTTP/1.1\r\nHost: test\r\n\r\n");
    let line = server.access_log.wait_for(reply.request_id());
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["request_id"], reply.request_id());
    assert_eq!(line["status"], 404);
    assert_eq!(line["method"], "GET");

    let server = Server::builder().server("access_log = \"off\"").start();
    server.get("/nothing");
    assert_eq!(server.stop().output, "");
}

#[test]
fn errors_come_as_the_client_accepts_them() {
    let server = SERVER.get();
    let get = |accept: &str| server.client().get_with(&server.url("/nothing"), &[("accept", accept)]);
    let browser = get("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
    assert_eq!(browser.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(browser.text().starts_with("<!doctype html>"), "{}", browser.text());
    let program = get("application/json");
    assert_eq!(program.header("content-type"), Some("application/json"));
    assert_eq!(program.json()["status"], 404);
    assert_eq!(program.json()["request_id"], program.request_id());
    for accept in ["*/*", "text/plain", "image/png", ""] {
        let reply = get(accept);
        assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"), "{accept}");
    }
}

#[test]
fn an_error_has_a_length_and_is_not_cached() {
    let reply = SERVER.get().get("/nothing");
    assert_eq!(reply.header("content-length"), Some(reply.body.len().to_string().as_str()));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
}

#[test]
fn every_response_has_a_date_and_an_id() {
    let server = TRAPPING.get();
    for path in ["/", "/nothing", "/trap", "/-/live"] {
        let reply = server.get(path);
        assert!(reply.header("date").is_some_and(|date| date.ends_with(" GMT")), "{path}");
        assert!(!reply.request_id().is_empty(), "{path}");
    }
}

#[test]
fn the_probes_answer() {
    let server = SERVER.get();
    server.get("/-/live").expect(200, "live\n");
    server.get("/-/ready").expect(200, "ready\n");
    server.get("/-/other").expect_error(404);
    let reply = server.post_form("/-/live", "");
    reply.expect_error(405);
    assert_eq!(server.client().head(&server.url("/-/ready")).status, 200);
}

#[test]
fn several_connections_are_answered_at_the_same_time() {
    let server = SERVER.get();
    let mut waiting: Vec<_> = (0..20).map(|_| server.connect()).collect();
    let start = std::time::Instant::now();
    for connection in &mut waiting {
        connection.send("GET /sleep?ms=300 HTTP/1.1\r\nHost: test\r\n\r\n");
    }
    server.get("/ok").expect(200, "ok");
    for connection in &mut waiting {
        connection.reply().expect(200, "slept");
    }
    assert!(start.elapsed() < std::time::Duration::from_secs(3), "{:?}", start.elapsed());
}
