//! Clients that close their side when they have asked: what needs no wait is answered, all
//! of it; who waits for a handler is taken to have left, since most of them have.

use std::time::{Duration, Instant};

use patchboard_tests::{Connection, Server, ServerBuilder};

use crate::probes::probe;

const LARGE: usize = 1 << 20;
/// More than the kernel takes of a response by itself.
const HUGE: usize = 16 << 20;

fn builder() -> ServerBuilder {
    Server::builder()
        .demo("hello")
        .guest("ill")
        .guest("raw")
        .guest("p2-hello")
        .guest("p3-hello")
        .file("www/small.txt", "small")
        .file("www/large.bin", vec![b'x'; LARGE])
        .file("www/huge.bin", vec![b'x'; HUGE])
        .config("[[static]]\nprefix = \"/files\"\ndir = \"www\"\n[[response]]\nroute = \"GET /gone\"\nstatus = 410\n")
}

/// Sends all of it, and that this is all.
fn send(server: &Server, requests: &str) -> Connection {
    let mut connection = server.connect();
    connection.send(requests);
    connection.finish_sending();
    connection
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")
}

/// What is answered without a wait, and how.
const ANSWERED: [(&str, u16, usize); 11] = [
    ("/files/small.txt", 200, 5),
    ("/files/large.bin", 200, LARGE),
    ("/", 200, 12),
    ("/raw/streamed", 200, 10),
    ("/p2-hello", 200, 0),
    ("/p3-hello", 200, 0),
    ("/-/live", 200, 5),
    ("/gone", 410, 0),
    ("/nothing", 404, 0),
    ("/files/../x", 400, 0),
    ("/raw/status-600", 502, 0),
];

#[test]
fn what_needs_no_wait_is_answered_every_time() {
    let server = builder().start();
    for (path, status, length) in ANSWERED {
        // An instance takes a while to be made where everything is tested at once.
        server.get(path);
        for round in 0..30 {
            let mut connection = send(&server, &get(path));
            let reply = connection.reply();
            assert_eq!(reply.status, status, "{path} {round}");
            assert!(length == 0 || reply.body.len() == length, "{path} {round} {}", reply.body.len());
            connection.expect_closed();
        }
    }
    assert_eq!(server.access_log.count("status=499"), 0);
}

#[test]
fn all_requests_before_the_end_are_answered() {
    let server = builder().start();
    let all: String = ANSWERED.iter().map(|(path, ..)| get(path)).collect();
    for _ in 0..30 {
        let mut connection = send(&server, &all);
        for (path, status, _) in ANSWERED {
            assert_eq!(connection.reply().status, status, "{path}");
            if status == 400 {
                break;
            }
        }
    }
    // With bodies of their own, and a head that is refused or not complete after them.
    let posts = "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc".repeat(3);
    for (after, status) in [("", None), ("GET / HTTP/9.9\r\n\r\n", Some(505)), ("GET /files/sma", None)] {
        for _ in 0..30 {
            let mut connection = send(&server, &format!("{}{posts}{after}", get("/files/large.bin")));
            assert_eq!(connection.reply().body.len(), LARGE);
            for nth in 0..3 {
                let reply = connection.reply();
                assert_eq!((reply.status, reply.text()), (200, "abc"), "{nth} before {after:?}");
            }
            match status {
                Some(status) => assert_eq!(connection.reply().status, status),
                None => connection.expect_closed(),
            }
        }
    }
}

#[test]
fn a_client_that_takes_its_answer_slowly_gets_all_of_it() {
    let server = builder().start();
    let mut connection = send(&server, &get("/files/huge.bin"));
    let head = connection.head();
    // For longer than a client is waited for that takes nothing and is sent nothing.
    std::thread::sleep(Duration::from_millis(900));
    let (body, _) = connection.body(&head);
    assert_eq!(body.len(), HUGE);
}

#[test]
fn who_waits_for_a_handler_is_taken_to_have_left() {
    let server = builder().server("probes = \"127.0.0.1:0\"").start();
    let start = Instant::now();
    send(&server, &get("/sleep?ms=20000")).expect_closed();
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let line = server.access_log.wait_for("status=499");
    assert!(line.contains("complete=false") && line.contains("handler=ill"), "{line}");
    let counted = "{handler=\"ill\",reason=\"client_left\"} 1\n";
    let metrics = probe(&server, "/-/metrics").text().to_owned();
    assert!(metrics.contains(counted), "{metrics}");
    server.get("/").expect(200, "Hello, world");
}
