//! Components that others make, for `wasi:http` 0.2 and 0.3: they run unchanged.

use std::time::{Duration, Instant};

use patchboard_tests::{BodyEnd, Server, Shared, test_guest};

static STANDARD: Shared = Shared::new(|| {
    Server::builder()
        .server("cores = 1")
        .guest("p2-hello")
        .guest("p3-hello")
        .config("[handlers.p3-hello.limits]\nrequest_body_bytes = \"16MiB\"")
        .start()
});

const BOTH: [&str; 2] = ["/p2-hello", "/p3-hello"];

#[test]
fn they_answer_at_their_name_and_below() {
    let server = STANDARD.get();
    let authority = server.address();
    let reply = server.get("/p2-hello/a%2Fb?c=d");
    let id = reply.request_id();
    reply.expect(200, &format!("hello from 0.2: Method::Get {authority} /p2-hello/a%2Fb?c=d {id}"));
    let reply = server.get("/p3-hello/a%2Fb?c=d");
    let id = reply.request_id();
    reply.expect(200, &format!("hello from 0.3: GET http://{authority}/p3-hello/a%2Fb?c=d {id}"));
    for path in BOTH {
        assert_eq!(server.get(path).status, 200);
        assert_eq!(server.get(&format!("{path}x")).status, 404);
    }
}

#[test]
fn their_kind_and_isolation_are_in_the_log() {
    let server = STANDARD.get();
    server.log.wait_for_all(&["handler=\"p2-hello\"", "kind=wasi:http 0.2", "isolation=request"]);
    server.log.wait_for_all(&["handler=\"p3-hello\"", "kind=wasi:http 0.3", "isolation=shared"]);
}

#[test]
fn they_stream() {
    let server = STANDARD.get();
    for path in BOTH {
        let mut connection = server.connect();
        let start = Instant::now();
        connection.send(format!("GET {path}/stream HTTP/1.1\r\nHost: test\r\n\r\n"));
        let head = connection.head();
        assert_eq!(head.status, 200);
        let mut body = connection.chunk().unwrap();
        let first = start.elapsed();
        let (rest, end) = connection.body(&head);
        body.extend(rest);
        assert_eq!(end, BodyEnd::Complete);
        assert_eq!(String::from_utf8(body).unwrap(), "part 0\npart 1\npart 2\npart 3\npart 4\n", "{path}");
        assert!(start.elapsed() - first >= Duration::from_millis(250), "{path}: all at once after {first:?}");
    }
}

#[test]
fn a_small_body_leaves_with_its_length() {
    let server = STANDARD.get();
    for path in BOTH {
        // How a guest's turns fall differs from call to call.
        for round in 0..50 {
            let reply = server.get(path);
            let length = reply.body.len().to_string();
            assert_eq!(reply.header("content-length"), Some(length.as_str()), "{path}, round {round}");
            assert_eq!(reply.header("transfer-encoding"), None);
        }
        let head = server.client().head(&server.url(path));
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert!(head.header("content-length").is_some(), "{path}: {head:?}");
    }
}

#[test]
fn a_body_of_another_length_than_was_announced_is_502() {
    STANDARD.get().get("/p3-hello/short").expect_error(502);
}

#[test]
fn a_response_that_a_guest_reads_itself_is_whole() {
    STANDARD.get().get("/p3-hello/own").expect(200, "made and read");
}

#[test]
fn they_echo_a_mebibyte() {
    let server = STANDARD.get();
    let body: Vec<u8> = (0..1 << 20).map(|i: u32| (i.wrapping_mul(31) >> 3) as u8).collect();
    for path in BOTH {
        let reply =
            server.client().post(&server.url(&format!("{path}/echo")), "application/octet-stream", &body);
        assert_eq!(reply.status, 200, "{path}");
        assert!(reply.body == body, "{path}: {} bytes came back", reply.body.len());
        let reply = server.client().post_reader(
            &server.url(&format!("{path}/echo")),
            "application/octet-stream",
            std::io::Cursor::new(body.clone()),
            None,
        );
        assert!(reply.body == body, "{path}, chunked: {} bytes came back", reply.body.len());
        server.client().post(&server.url(&format!("{path}/echo")), "text/plain", b"").expect(200, "");
    }
}

#[test]
fn they_trap_alone() {
    let server = STANDARD.get();
    for path in BOTH {
        server.get(&format!("{path}/trap")).expect_error(500);
        assert_eq!(server.get(path).status, 200);
    }
}

#[test]
fn no_response_is_500() {
    STANDARD.get().get("/p2-hello/silent").expect_error(500);
}

#[test]
fn an_error_they_pass_on_is_502() {
    STANDARD.get().get("/p3-hello/fail").expect_error(502);
}

#[test]
fn one_call_of_0_2_that_waits_delays_no_other() {
    let server = STANDARD.get();
    let mut streams: Vec<_> = (0..10).map(|_| server.connect()).collect();
    let start = Instant::now();
    for connection in &mut streams {
        connection.send("GET /p2-hello/stream HTTP/1.1\r\nHost: test\r\n\r\n");
    }
    for connection in &mut streams {
        assert_eq!(connection.reply().text().lines().count(), 5);
    }
    assert!(start.elapsed() < Duration::from_secs(3), "one after the other: {:?}", start.elapsed());
}

#[test]
fn reserved_fields_of_clients_are_stripped() {
    let server = STANDARD.get();
    let reply = server.client().get_with(&server.url("/p3-hello"), &[("x-request-id", "forged")]);
    assert!(
        !reply.text().contains("forged") && reply.text().contains(reply.request_id()),
        "{}",
        reply.text()
    );
}

#[test]
fn the_matched_route_is_known_to_them() {
    let server = Server::builder()
        .guest("p3-hello")
        .config("[handlers.p3-hello]\nroutes = [\"GET /route/{id}/{*rest}\", \"GET /{who}/route-later\"]")
        .start();
    server.get("/route/7/a/b").expect(200, "/route/{id}/{*rest} id=7 rest=a/b");
    // Correct also where calls overlap in one instance.
    let mut calls: Vec<_> = (0..20)
        .map(|who| {
            let mut connection = server.connect();
            connection.send(format!("GET /{who}/route-later HTTP/1.1\r\nHost: test\r\n\r\n"));
            connection
        })
        .collect();
    for (who, connection) in calls.iter_mut().enumerate() {
        connection.reply().expect(200, &format!("/{{who}}/route-later who={who}"));
    }
}

#[test]
fn routes_may_stand_beside_the_component() {
    let server = Server::builder()
        .guest("p2-hello")
        .file("handlers/p2-hello.toml", "routes = [\"GET /greet/{name}\", \"POST /send/echo\"]")
        .start();
    assert_eq!(server.get("/greet/ada").status, 200);
    server.post_form("/send/echo", "back").expect(200, "back");
    server.get("/p2-hello").expect_error(404);
    server.get("/send/echo").expect_error(405);
}

#[test]
fn reuse_serves_one_call_after_the_other() {
    let server =
        Server::builder().guest("p2-hello").config("[handlers.p2-hello]\nisolation = \"reuse\"").start();
    for _ in 0..5 {
        assert_eq!(server.get("/p2-hello").status, 200);
    }
    server.get("/p2-hello/trap").expect_error(500);
    assert_eq!(server.get("/p2-hello").status, 200);
}

#[test]
fn an_instance_that_gave_no_answer_is_not_used_again() {
    let server =
        Server::builder().guest("p2-hello").config("[handlers.p2-hello]\nisolation = \"reuse\"").start();
    for path in ["/p2-hello/silent", "/p2-hello/answer?body=part&end=returned"] {
        assert_eq!(server.get("/p2-hello").status, 200);
        server.get(path).expect_error(500);
        server.log.wait_for("its instance is given up after a call without an answer");
        assert_eq!(server.get("/p2-hello").status, 200);
    }
}

#[test]
fn demo_handlers_run_as_standard_components_too() {
    let server = Server::builder().guest("hello-wasi-http").guest("demo1-wasi-http").start();
    server.log.wait_for_all(&["handler=\"hello-wasi-http\"", "kind=wasi:http 0.3"]);
    server.get("/").expect(200, "Hello, world");
    server.post_form("/demo1/%C3%A9", "key=k").expect(200, r#"{"name":"é","key":"k"}"#);
    test_guest("hello-wasi-http");
}
