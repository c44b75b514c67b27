//! The end of a server: what is under way is finished, nothing new begins, exit 0.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use patchboard_tests::{BodyEnd, Connection, Server, ServerBuilder, wait_until};
use rustix::process::Signal;

fn builder() -> ServerBuilder {
    Server::builder().demo("hello").guest("ill")
}

/// A call that takes `milliseconds`, once it runs.
fn begin(server: &Server, milliseconds: u32) -> Connection {
    let mut connection = server.connect();
    connection.send(format!("GET /sleep?ms={milliseconds} HTTP/1.1\r\nHost: test\r\n\r\n"));
    server.log.wait_for("sleep: begins");
    connection
}

#[track_caller]
fn drains_on(signal: Signal, name: &str) {
    let mut server = builder().start();
    let mut call = begin(&server, 700);
    let start = Instant::now();
    server.signal(signal);
    server.log.wait_for_all(&["draining", name]);
    wait_until("new connections are refused", || TcpStream::connect(server.address()).is_err());
    let reply = call.reply();
    reply.expect(200, "slept");
    assert_eq!(reply.header("connection"), Some("close"));
    call.expect_closed();
    let exited = server.wait_exit();
    assert_eq!(exited.code, Some(0), "{}", exited.log);
    assert!(exited.log.contains("drained"), "{}", exited.log);
    // The access log is written before the end.
    assert!(exited.output.contains(reply.request_id()), "{}", exited.output);
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}

#[test]
fn sigterm_lets_a_call_finish_and_exits_with_0() {
    drains_on(Signal::TERM, "SIGTERM");
}

#[test]
fn ctrl_c_does_the_same() {
    drains_on(Signal::INT, "SIGINT");
}

#[test]
fn an_idle_server_ends_at_once() {
    let server = builder().start();
    let mut idle = server.connect();
    idle.get("/").expect(200, "Hello, world");
    let _silent = server.connect();
    let start = Instant::now();
    server.stop();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    idle.expect_closed();
}

#[test]
fn a_connection_that_has_sent_nothing_yet_holds_nobody_up() {
    let server = builder().start();
    let _silent = server.connect();
    let mut half = server.connect();
    half.send("GET / HTTP/1.1\r\nHo");
    server.get("/").expect(200, "Hello, world");
    let start = Instant::now();
    server.stop();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn a_call_longer_than_the_drain_is_cancelled() {
    let mut server = builder().server("drain_timeout = \"300ms\"").start();
    let mut call = begin(&server, 3_600_000);
    let start = Instant::now();
    server.signal(Signal::TERM);
    let exited = server.wait_exit();
    assert_eq!(exited.code, Some(0), "{}", exited.log);
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
    assert!(exited.log.contains("drain_timeout"), "{}", exited.log);
    call.rest();
}

#[test]
fn a_call_that_computes_without_end_is_cancelled_too() {
    let mut server = builder().server("drain_timeout = \"300ms\"\ncores = 1").start();
    let mut call = server.connect();
    call.send("GET /spin HTTP/1.1\r\nHost: test\r\n\r\n");
    server.log.wait_for("spin: begins");
    server.signal(Signal::TERM);
    assert_eq!(server.wait_exit().code, Some(0));
}

#[test]
fn a_second_signal_ends_the_drain() {
    let mut server = builder().start();
    let _call = begin(&server, 60_000);
    let start = Instant::now();
    server.signal(Signal::TERM);
    server.log.wait_for("draining");
    // As soon as somebody presses Ctrl-C again; not waited for anything.
    std::thread::sleep(Duration::from_millis(200));
    server.signal(Signal::INT);
    let exited = server.wait_exit();
    assert_eq!(exited.code, Some(0));
    assert!(exited.log.contains("second signal"), "{}", exited.log);
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}

#[test]
fn one_signal_that_comes_twice_is_one() {
    let mut server = builder().start();
    let mut call = begin(&server, 700);
    server.signal(Signal::TERM);
    // By the process group, and by who started it.
    server.signal(Signal::INT);
    call.reply().expect(200, "slept");
    assert_eq!(server.wait_exit().code, Some(0));
}

#[test]
fn a_streamed_body_is_sent_to_its_end() {
    let mut server = builder().guest("p3-hello").start();
    let mut connection = server.connect();
    connection.send("GET /p3-hello/stream HTTP/1.1\r\nHost: test\r\n\r\n");
    let head = connection.head();
    server.signal(Signal::TERM);
    let (body, end) = connection.body(&head);
    assert_eq!((body.len(), end), (35, BodyEnd::Complete));
    assert_eq!(server.wait_exit().code, Some(0));
}

#[test]
fn streams_of_events_end_before_the_others_and_their_clients_find_the_next_server() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let data = tempfile::tempdir().unwrap();
    let start = |timeout: &str| {
        builder()
            .guest("key-value")
            .demo("clock")
            .config("[handlers.key-value]\nkey_value = \"default\"\nroutes = [\"GET /get/{bucket}/{key}\"]")
            .server(&format!("drain_timeout = \"1h\"\ndrain_events_timeout = \"{timeout}\""))
            .variable("PATCHBOARD_DATA", data.path().to_str().unwrap())
            .inherit(&socket)
            .start()
    };
    for timeout in ["0s", "100ms"] {
        let mut server = start(timeout);
        let mut events: Vec<_> = (0..3).map(|_| server.connect()).collect();
        for connection in &mut events {
            connection.send("GET /clock HTTP/1.1\r\nHost: test\r\n\r\n");
            assert_eq!(connection.head().status, 200);
            assert!(connection.chunk().is_ok());
        }
        let mut call = begin(&server, 700);
        server.signal(Signal::TERM);
        // What has an end is waited for.
        call.reply().expect(200, "slept");
        assert_eq!(server.wait_exit().code, Some(0));
        for mut connection in events {
            let rest = connection.rest();
            assert!(rest.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&rest));
        }
        // The file of the buckets is free, and clients that come back are answered.
        start(timeout).get("/get/default/k").expect(200, "none");
    }
}

#[test]
fn during_the_drain_it_is_not_ready() {
    let mut server = builder().start();
    // A connection from before the signal, with a request under way, asks again.
    let mut call = server.connect();
    call.send(
        "GET /sleep?ms=700 HTTP/1.1\r\nHost: test\r\n\r\n\
         GET /-/ready HTTP/1.1\r\nHost: test\r\n\r\n",
    );
    server.log.wait_for("sleep: begins");
    server.signal(Signal::TERM);
    server.log.wait_for("draining");
    call.reply().expect(200, "slept");
    // The pipelined request is answered with 503, or not at all.
    let rest = String::from_utf8(call.rest()).unwrap();
    assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 503"), "{rest}");
    assert_eq!(server.wait_exit().code, Some(0));
}

#[test]
fn a_port_can_be_had_again_at_once() {
    let server = builder().start();
    server.get("/").expect(200, "Hello, world");
    let address = server.address().to_string();
    server.stop();
    let server = Server::builder().listen_as_configured().argument("--listen").argument(&address).start();
    server.get("/-/live").expect(200, "live\n");
}
