//! Probes on a listener of their own, and what they say when the server is to end.

use std::time::{Duration, Instant};

use patchboard_tests::{Connection, Reply, Server, ServerBuilder, wait_until};
use rustix::process::Signal;

fn builder() -> ServerBuilder {
    Server::builder().demo("hello").server("probes = \"127.0.0.1:0\"")
}

/// A connection to the probes' listener.
#[track_caller]
fn connect(server: &Server) -> Connection {
    let line = server.log.wait_for("probes on http://");
    Connection::open(line.strip_prefix("probes on http://").unwrap().parse().unwrap())
}

/// GETs `path` of the probes.
#[track_caller]
pub(crate) fn probe(server: &Server, path: &str) -> Reply {
    let mut connection = connect(server);
    let reply = connection.get(path);
    connection.expect_closed();
    reply
}

#[test]
fn probes_are_where_they_are_configured_and_nowhere_else() {
    let server = builder().start();
    probe(&server, "/-/live").expect(200, "live\n");
    probe(&server, "/-/ready").expect(200, "ready\n");
    probe(&server, "/-/other").expect_error(404);
    probe(&server, "/").expect_error(404);
    server.get("/").expect(200, "Hello, world");
    server.get("/-/live").expect_error(404);
    server.get("/-/ready").expect_error(404);
}

#[test]
fn probes_need_no_place_among_the_connections() {
    let server = builder().guest("ill").server("connections = 1\ncores = 1").start();
    let mut call = server.connect();
    call.send("GET /spin HTTP/1.1\r\nHost: test\r\n\r\n");
    server.log.wait_for("spin: begins");
    probe(&server, "/-/ready").expect(200, "ready\n");
}

#[test]
fn silent_connections_delay_no_probe() {
    let server = builder().start();
    let silent: Vec<_> = (0..200).map(|_| connect(&server)).collect();
    let start = Instant::now();
    probe(&server, "/-/ready").expect(200, "ready\n");
    // They may stay for five seconds.
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    drop(silent);
}

#[test]
fn an_address_that_cannot_be_had_is_named_with_its_key() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap();
    let exited = Server::builder().server(&format!("probes = \"{address}\"")).start_in_vain();
    assert_eq!(exited.code, Some(2), "{}", exited.log);
    assert!(exited.log.contains(&address.to_string()) && exited.log.contains("`probes`"), "{}", exited.log);
    let exited = Server::builder().server("probes = \"here\"").start_in_vain();
    assert!(exited.log.contains("server.probes"), "{}", exited.log);
}

#[test]
fn before_the_drain_it_is_not_ready_but_serves() {
    let mut server = builder().server("shutdown_delay = \"1500ms\"").start();
    let start = Instant::now();
    server.signal(Signal::TERM);
    wait_until("it is not ready", || probe(&server, "/-/ready").status == 503);
    probe(&server, "/-/live").expect(200, "live\n");
    // Balancers that have not noticed yet still send requests, on new connections too.
    server.connect().get("/").expect(200, "Hello, world");
    let exited = server.wait_exit();
    assert_eq!(exited.code, Some(0), "{}", exited.log);
    assert!(start.elapsed() >= Duration::from_millis(1500), "{:?}", start.elapsed());
}

#[test]
fn a_second_signal_ends_the_delay() {
    let mut server = builder().server("shutdown_delay = \"1h\"").start();
    server.signal(Signal::TERM);
    server.log.wait_for("shutdown_delay");
    // Right after the first it would be taken for its echo.
    wait_until("the server has ended", || {
        server.signal(Signal::TERM);
        !server.is_running()
    });
    assert_eq!(server.wait_exit().code, Some(0));
}

#[test]
fn during_the_drain_the_probes_still_answer() {
    let mut server = builder().guest("ill").start();
    let mut call = server.connect();
    call.send("GET /sleep?ms=1000 HTTP/1.1\r\nHost: test\r\n\r\n");
    server.log.wait_for("sleep: begins");
    server.signal(Signal::TERM);
    server.log.wait_for("draining");
    probe(&server, "/-/ready").expect_error(503);
    probe(&server, "/-/live").expect(200, "live\n");
    call.reply().expect(200, "slept");
    assert_eq!(server.wait_exit().code, Some(0));
}

#[test]
fn metrics_count_calls_by_what_became_of_them() {
    let server = builder().guest("ill").config("[handlers.ill.limits]\nrequest_body_bytes = 10").start();
    server.get("/").expect(200, "Hello, world");
    server.get("/").expect(200, "Hello, world");
    server.get("/trap").expect_error(500);
    server.client().post(&server.url("/unread"), "text/plain", &[b'x'; 11]).expect_error(413);
    let reply = probe(&server, "/-/metrics");
    assert_eq!(reply.status, 200);
    for line in [
        "patchboard_calls_total{handler=\"hello\"} 2",
        "patchboard_calls_total{handler=\"ill\"} 0",
        "patchboard_failed_calls_total{handler=\"ill\",reason=\"trapped\"} 1",
        "patchboard_failed_calls_total{handler=\"ill\",reason=\"request_too_large\"} 1",
    ] {
        assert!(reply.text().lines().any(|found| found == line), "{line}: {}", reply.text());
    }
    assert!(reply.text().contains("patchboard_instances "));
    for thing in ["instances", "core_instances", "memories", "tables", "stacks"] {
        for line in [
            format!("patchboard_pool_size{{of=\"{thing}\"}} "),
            format!("patchboard_pool_taken{{of=\"{thing}\"}} "),
        ] {
            assert!(reply.text().contains(&line), "{line}: {}", reply.text());
        }
    }
    server.get("/-/metrics").expect_error(404);
    Server::builder().demo("hello").start().get("/-/metrics").expect_error(404);
}
