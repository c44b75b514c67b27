//! Handlers that misbehave cost their own request, and nothing else.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use patchboard_tests::{BodyEnd, Connection, Server, Shared};
use rustix::process::Signal;

/// One core, so that nothing is answered just because another thread was free.
static ILL: Shared = Shared::new(|| {
    Server::builder()
        .server("cores = 1")
        .demo("hello")
        .guest("ill")
        .config(
            "[handlers.ill]\nenvironment = { GRANTED = \"yes\" }\n\
             [handlers.ill.limits]\ncpu_timeout = \"300ms\"\nmemory_bytes = \"32MiB\"\nlog_bytes = \"64KiB\"",
        )
        .start()
});

static RAW: Shared = Shared::new(|| {
    Server::builder().guest("raw").config("[handlers.raw]\nroutes = [\"GET /raw/{case}\"]").start()
});

/// Longer than the ill call takes, shorter than what a stuck server would take.
const SOON: Duration = Duration::from_secs(10);

#[track_caller]
fn ask(connection: &mut Connection, path: &str) {
    connection.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
}

/// The ill call fails with `status`; another handler, and another route of the same,
/// answer before, during and after.
#[track_caller]
fn check(path: &str, status: u16) {
    let server = ILL.get();
    let healthy = |when: &str| {
        let start = Instant::now();
        server.get("/").expect(200, "Hello, world");
        server.get("/ok").expect(200, "ok");
        assert!(start.elapsed() < SOON, "{when}: {:?}", start.elapsed());
    };
    healthy("before");
    let mut ill = server.connect();
    ask(&mut ill, path);
    healthy("during");
    let reply = ill.reply();
    reply.expect_error(status);
    for leak in ["panic", "wasm", "trap", "limits", "cpu_timeout", "ill"] {
        assert!(!reply.text().contains(leak), "{leak:?} in {:?}", reply.text());
    }
    healthy("after");
    server.log.wait_for_all(&["ERROR", reply.request_id()]);
}

#[test]
fn a_panic_is_500() {
    check("/trap", 500);
}

#[test]
fn an_endless_loop_is_500_when_its_cpu_time_is_spent() {
    check("/spin", 500);
    ILL.get().log.wait_for("limits.cpu_timeout (300ms)");
}

#[test]
fn memory_without_end_is_500() {
    let server = ILL.get();
    check("/memory", 500);
    assert!(server.peak_memory() < 400 << 20, "{} MiB", server.peak_memory() >> 20);
}

#[test]
fn several_endless_loops_leave_the_others_their_turn() {
    let server = ILL.get();
    let mut spinning: Vec<_> = (0..4).map(|_| server.connect()).collect();
    for connection in &mut spinning {
        ask(connection, "/spin");
    }
    let start = Instant::now();
    for _ in 0..5 {
        server.get("/").expect(200, "Hello, world");
        server.get("/ok").expect(200, "ok");
    }
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    for connection in &mut spinning {
        connection.reply().expect_error(500);
    }
}

#[test]
fn calls_that_come_with_an_endless_loop_do_not_wait_for_its_end() {
    // With the default of ten seconds of CPU time.
    let server = Server::builder().server("cores = 1").guest("ill").start();
    let mut connections: Vec<_> = (0..8).map(|_| server.connect()).collect();
    for connection in &mut connections {
        connection.get("/ok").expect(200, "ok");
    }
    let (spinning, others) = connections.split_first_mut().unwrap();
    let start = Instant::now();
    ask(spinning, "/spin");
    for connection in &mut *others {
        ask(connection, "/ok");
    }
    for connection in others {
        connection.reply().expect(200, "ok");
    }
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}

#[test]
fn half_a_body_is_cut_not_ended() {
    let server = ILL.get();
    let mut connection = server.connect();
    ask(&mut connection, "/half");
    let head = connection.head();
    assert_eq!(head.status, 200);
    let (body, end) = connection.body(&head);
    assert_eq!((String::from_utf8(body).unwrap().as_str(), end), ("the first half", BodyEnd::Cut));
    server.access_log.wait_for_all(&[head.request_id(), "complete=false"]);
    server.get("/ok").expect(200, "ok");
}

/// A request of HTTP/1.0.
fn ask_as_of_old(server: &Server, path: &str, fields: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n{fields}\r\n").unwrap();
    stream
}

/// What comes of a connection, and how it ends.
fn read(mut stream: TcpStream) -> (Result<(), io::ErrorKind>, String) {
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).map_err(|error| error.kind());
    (end.map(drop), String::from_utf8_lossy(&bytes).into_owned())
}

#[test]
fn a_client_of_http_1_0_can_tell_what_the_end_of_a_drain_has_cut() {
    let server = Server::builder().guest("ill").server("drain_timeout = \"300ms\"").start();
    let mut stream = ask_as_of_old(&server, "/stall", "");
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    assert!(head.ends_with(b" 200"), "{head:?}");
    server.signal(Signal::TERM);
    let (end, text) = read(stream);
    assert_eq!(end, Err(io::ErrorKind::ConnectionReset), "{text}");
}

#[test]
fn a_client_of_http_1_0_can_tell_what_was_cut() {
    let server = Server::builder()
        .guest("ill")
        .guest_as("p2-hello", "p2")
        .config("[handlers.p2]\ncompress = true")
        .start();
    for fields in ["", "Connection: keep-alive\r\n"] {
        let (end, text) = read(ask_as_of_old(&server, "/half", fields));
        assert_eq!(end, Err(io::ErrorKind::ConnectionReset), "{text}");
        let (end, text) = read(ask_as_of_old(&server, "/p2/stream", fields));
        assert!(end.is_ok() && text.ends_with("part 4\n"), "{end:?} {text}");
        assert!(text.contains("connection: close\r\n") && !text.contains("keep-alive"), "{text}");
    }
}

#[test]
fn a_response_that_is_known_to_be_over_its_limit_is_502() {
    let limits = |name: &str| format!("[handlers.{name}.limits]\nresponse_body_bytes = 5\n");
    let server = Server::builder()
        .demo("hello")
        .guest_as("p2-hello", "p2")
        .guest_as("p3-hello", "p3")
        .config(&["hello", "p2", "p3"].map(limits).concat())
        .start();
    for path in ["/", "/p2/plain", "/p3/own"] {
        server.get(path).expect_error(502);
    }
    server.log.wait_for_all(&["has 12 bytes", "limits.response_body_bytes is 5", "handler=\"hello\""]);
}

#[test]
fn neighbours_of_a_trap_are_run_again_where_nobody_notices() {
    // A tick that finds a call running sends the next one to a spare instance, where the
    // trap does not reach it: then it is tried again.
    assert!((0..5).any(|_| trap_among_six()), "the calls never shared an instance");
}

/// Five GETs and a POST wait when a call traps; whether they all shared its instance.
fn trap_among_six() -> bool {
    let server = Server::builder().server("cores = 1").guest("ill").start();
    let mut gets: Vec<_> = (0..5).map(|_| server.connect()).collect();
    for connection in &mut gets {
        ask(connection, "/sleep?ms=700");
    }
    let mut post = server.connect();
    post.send("POST /sleep?ms=700 HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n");
    server.log.wait_for_count("sleep: begins", 6);
    server.get("/trap").expect_error(500);
    for connection in &mut gets {
        connection.reply().expect(200, "slept");
    }
    let post = post.reply();
    if post.status == 200 {
        return false;
    }
    post.expect_error(500);
    // Five began twice, the POST once.
    server.log.count("sleep: begins") == 11
}

#[test]
fn a_neighbour_whose_answer_has_begun_is_cut() {
    let server = Server::builder().server("cores = 1").guest("ill").start();
    let mut stalled = server.connect();
    ask(&mut stalled, "/stall");
    let head = stalled.head();
    assert_eq!(stalled.chunk().unwrap(), b"the first half");
    server.get("/trap").expect_error(500);
    assert_eq!(stalled.body(&head).1, BodyEnd::Cut);
}

#[test]
fn blocking_sleep_in_a_shared_instance_traps_and_names_the_remedy() {
    let server = ILL.get();
    let mut neighbour = server.connect();
    ask(&mut neighbour, "/sleep?ms=100");
    let reply = server.get("/sleep-blocking");
    reply.expect_error(500);
    server.log.wait_for_all(&[reply.request_id(), "patchboard::time::sleep", "isolation = \"request\""]);
    neighbour.reply().expect(200, "slept");
}

#[test]
fn blocking_sleep_in_an_instance_of_its_own_delays_nobody() {
    let server = Server::builder()
        .server("cores = 1")
        .guest("ill")
        .demo("hello")
        .config("[handlers.ill]\nisolation = \"request\"")
        .start();
    let mut sleeping = server.connect();
    let start = Instant::now();
    ask(&mut sleeping, "/sleep-blocking");
    server.get("/").expect(200, "Hello, world");
    server.get("/ok").expect(200, "ok");
    assert!(start.elapsed() < Duration::from_millis(1900), "they had to wait: {:?}", start.elapsed());
    sleeping.reply().expect(200, "slept, blocking");
    assert!(start.elapsed() >= Duration::from_secs(2));
}

/// A server whose calls of `ill` may take half a second.
fn hasty() -> Server {
    Server::builder()
        .guest("ill")
        .demo("hello")
        .config("[handlers.ill.limits]\ncall_timeout = \"500ms\"")
        .start()
}

#[test]
fn a_call_that_never_ends_is_504() {
    let server = hasty();
    let mut never = server.connect();
    let start = Instant::now();
    ask(&mut never, "/never");
    server.get("/").expect(200, "Hello, world");
    server.get("/ok").expect(200, "ok");
    let reply = never.reply();
    reply.expect_error(504);
    assert!(start.elapsed() >= Duration::from_millis(500) && start.elapsed() < SOON, "{:?}", start.elapsed());
    server.get("/ok").expect(200, "ok");
    server.log.wait_for_all(&[reply.request_id(), "limits.call_timeout (500ms)"]);
}

#[test]
fn a_body_that_never_ends_is_cut() {
    let server = hasty();
    let mut stalled = server.connect();
    ask(&mut stalled, "/stall");
    let head = stalled.head();
    let (body, end) = stalled.body(&head);
    assert_eq!((body.as_slice(), end), (b"the first half".as_slice(), BodyEnd::Cut));
    server.get("/ok").expect(200, "ok");
}

#[test]
fn a_client_that_goes_away_ends_its_call() {
    let server = Server::builder().guest("ill").config("[handlers.ill.limits]\ncalls = 1\nqueue = 1").start();
    for path in ["/never", "/stall", "/endless"] {
        let mut connection = server.connect();
        ask(&mut connection, path);
        if path != "/never" {
            connection.head();
        }
        drop(connection);
        // There is one place only: it must be free again.
        server.get("/ok").expect(200, "ok");
    }
}

#[test]
fn a_full_queue_is_503_with_retry_after() {
    let server = Server::builder()
        .guest("ill")
        .demo("hello")
        .config("[handlers.ill.limits]\ncalls = 1\nqueue = 1\nqueue_timeout = \"300ms\"")
        .start();
    let mut running = server.connect();
    ask(&mut running, "/sleep?ms=2000");
    server.log.wait_for("sleep: begins");
    // One of two finds the queue full at once, the other waits in vain.
    let start = Instant::now();
    let mut others = [server.connect(), server.connect()];
    for connection in &mut others {
        ask(connection, "/ok");
    }
    for connection in &mut others {
        let reply = connection.reply();
        reply.expect_error(503);
        assert!(reply.header("retry-after").is_some());
    }
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
    server.log.wait_for("limits.queue calls wait already");
    server.log.wait_for("limits.queue_timeout (300ms)");
    server.get("/").expect(200, "Hello, world");
    running.reply().expect(200, "slept");
    server.get("/ok").expect(200, "ok");
}

#[test]
fn a_response_over_its_limit_is_cut() {
    let server = Server::builder()
        .guest("ill")
        .config("[handlers.ill.limits]\nresponse_body_bytes = \"1MiB\"")
        .start();
    let mut connection = server.connect();
    ask(&mut connection, "/endless");
    let head = connection.head();
    let (body, end) = connection.body(&head);
    assert_eq!(end, BodyEnd::Cut);
    assert!(body.len() <= 1 << 20 && body.len() > 512 << 10, "{} bytes", body.len());
    server.log.wait_for("limits.response_body_bytes");
}

#[test]
fn a_slow_reader_is_sent_no_more_than_it_takes() {
    let server = Server::builder().guest("ill").start();
    let mut connection = server.connect();
    ask(&mut connection, "/endless");
    connection.head();
    let before = server.peak_memory();
    // Read nothing for a while; meanwhile others are served.
    for _ in 0..50 {
        server.get("/ok").expect(200, "ok");
    }
    assert!(server.peak_memory() < before + (16 << 20), "the server hoards what nobody reads");
}

#[test]
fn a_slow_handler_gets_its_body_at_its_own_pace() {
    let server = Server::builder().guest("ill").start();
    let body = vec![b'x'; 4 << 20];
    let reply = server.client().post(&server.url("/slow-read"), "application/octet-stream", &body);
    reply.expect(200, &body.len().to_string());
}

#[test]
fn a_client_that_leaves_half_a_body_is_an_error_to_the_handler_only() {
    let server = ILL.get();
    let mut connection = server.connect();
    connection.send("POST /slow-read HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\nhalf");
    connection.finish_sending();
    drop(connection);
    server.get("/ok").expect(200, "ok");
}

#[test]
fn a_flood_of_log_lines_is_bounded() {
    // With as much CPU time as a handler has by default: writing so many takes some.
    let server =
        Server::builder().guest("ill").config("[handlers.ill]\nlimits = { log_bytes = \"64KiB\" }").start();
    let start = Instant::now();
    server.get("/log-flood").expect(200, "flooded");
    let lines = server.log.lines();
    let flood = lines.iter().filter(|line| line.contains("flood: line")).count();
    // A line has 70 bytes; 64 KiB a second, begun twice at most.
    let seconds = 2 + start.elapsed().as_secs() as usize;
    assert!(flood > 0 && flood <= seconds * (64 << 10) / 60, "{flood} of 20000 lines");
}

#[test]
fn a_log_line_cannot_be_forged() {
    let server = ILL.get();
    server.get("/log-forge").expect(200, "forged");
    let line = server.log.wait_for("forged by the guest");
    assert!(!line.contains('\u{1b}') && !line.contains('\r'), "{line:?}");
    assert!(line.contains("handler=ill"), "{line:?}");
}

#[test]
fn a_handler_has_the_environment_it_was_granted_and_no_other() {
    ILL.get().get("/env").expect(200, "GRANTED=yes\n");
}

#[test]
fn a_handler_has_no_files_and_no_sockets() {
    ILL.get().get("/powers").expect(200, "files: false\nsocket: false\n");
}

#[test]
fn only_dev_shows_what_happened() {
    let server = Server::builder().guest("ill").argument("--dev").start();
    let reply = server.get("/trap");
    assert_eq!(reply.status, 500);
    assert!(reply.text().contains("wasm"), "{}", reply.text());
}

#[test]
fn an_invalid_response_is_502() {
    let server = RAW.get();
    for case in [
        "ends-descend",
        "ends-outside",
        "ends-odd",
        "ends-short",
        "upper-case",
        "space-in-name",
        "empty-name",
        "newline",
        "nul",
        "status-99",
        "status-101",
        "status-600",
        "status-700",
        "two-lengths",
    ] {
        let reply = server.get(&format!("/raw/{case}"));
        assert_eq!(reply.status, 502, "{case}: {reply:?}");
        reply.expect_error(502);
        server.log.wait_for_all(&["ERROR", reply.request_id(), "the response is invalid"]);
        server.get("/raw/ok").expect(200, "raw");
    }
}

#[test]
fn a_response_head_without_bounds_is_502() {
    RAW.get().raw("GET /raw/many-fields HTTP/1.1\r\nHost: test\r\n\r\n").expect_error(502);
}

#[test]
fn a_valid_response_comes_as_it_is() {
    let server = RAW.get();
    let reply = server.get("/raw/ok");
    reply.expect(200, "raw");
    assert_eq!(reply.header("x-raw"), Some("yes"));
    server.get("/raw/streamed").expect(200, "0000000000");
    server.get("/raw/length-right").expect(200, "0000000000");
    server.get("/raw/current-route").expect(200, "/raw/{case} [(\"case\", \"current-route\")]");
}

#[test]
fn the_host_frames_the_message_whatever_the_handler_says() {
    let server = RAW.get();
    let reply = server.get("/raw/framing");
    reply.expect(200, "raw");
    assert_eq!(reply.header("content-length"), Some("3"));
    assert_eq!(reply.header("transfer-encoding"), None);
    assert_ne!(reply.header("connection"), Some("close, x-raw"));
    assert_ne!(reply.request_id(), "forged");
}

#[test]
fn a_body_whose_end_is_not_told_never_ends_cleanly() {
    let server = RAW.get();
    for case in ["no-trailers", "failed", "length-too-long", "bad-trailers"] {
        let mut connection = server.connect();
        ask(&mut connection, &format!("/raw/{case}"));
        let head = connection.head();
        let (body, end) = connection.body(&head);
        // Mostly it is known before anything has left.
        let is_told = head.status == 502 && end == BodyEnd::Complete;
        let is_cut = head.status == 200 && end == BodyEnd::Cut;
        assert!(is_told || is_cut, "{case}: {head:?} {:?}", String::from_utf8_lossy(&body));
        server.get("/raw/ok").expect(200, "raw");
    }
}

#[test]
fn more_than_the_announced_length_is_never_sent() {
    let server = RAW.get();
    let mut connection = server.connect();
    ask(&mut connection, "/raw/length-too-short");
    connection.reply().expect_error(502);
    // What is left over must not be taken for a response.
    if connection.try_send("GET /raw/ok HTTP/1.1\r\nHost: test\r\n\r\n").is_ok() {
        let rest = String::from_utf8_lossy(&connection.some()).into_owned();
        assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 200"), "{rest:?}");
    }
}

#[test]
fn a_status_without_a_body_has_none() {
    let mut connection = RAW.get().connect();
    ask(&mut connection, "/raw/no-content-with-body");
    assert_eq!(connection.head().status, 204);
    connection.get("/raw/ok").expect(200, "raw");
}

#[test]
fn trailers_come_through() {
    let server = RAW.get();
    let mut connection = server.connect();
    connection
        .send("GET /raw/trailers HTTP/1.1\r\nHost: test\r\nTE: trailers\r\nConnection: close, TE\r\n\r\n");
    let all = String::from_utf8(connection.rest()).unwrap();
    assert!(all.ends_with("0\r\nx-sum: 55\r\n\r\n"), "{all:?}");
}
