//! What a handler may use, and what becomes of one that keeps failing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use patchboard_tests::{Answer, BodyEnd, Connection, Server, Upstream, test_guest, wait_until};

#[track_caller]
fn ask(connection: &mut Connection, path: &str) {
    connection.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
}

fn impatient() -> Server {
    let limits = "limits = { body_idle_timeout = \"300ms\" }";
    let config = format!("[handlers.ill]\n{limits}\n[handlers.demo1]\n{limits}");
    Server::builder().guest("ill").demo("demo1").config(&config).start()
}

#[test]
fn a_request_body_that_stops_to_come_is_408() {
    let server = impatient();
    let slow = |path: &str| {
        let mut connection = server.connect();
        let start = Instant::now();
        connection.send(format!(
            "POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\nkey=not+all"
        ));
        let mut reply = connection.head();
        let (body, end) = connection.body(&reply);
        assert!(start.elapsed() >= Duration::from_millis(300));
        reply.body = body;
        (reply, end)
    };
    slow("/demo1/x").0.expect_error(408);
    // Who does not call it a failure says himself what it is.
    slow("/slow-read").0.expect(200, "failed after 11: the body took too long");
    assert_eq!(slow("/echo").1, BodyEnd::Cut);
    server.get("/ok").expect(200, "ok");
}

#[test]
fn a_response_body_that_stops_to_come_is_cut() {
    let server = impatient();
    let mut connection = server.connect();
    ask(&mut connection, "/stall");
    let head = connection.head();
    assert_eq!(connection.body(&head), (b"the first half".to_vec(), BodyEnd::Cut));
    server.log.wait_for("limits.body_idle_timeout");
    server.get("/ok").expect(200, "ok");
}

#[test]
fn a_body_that_never_stops_is_cut_when_the_call_has_had_its_time() {
    let server =
        Server::builder().guest("ill").config("[handlers.ill.limits]\ncall_timeout = \"500ms\"").start();
    let mut connection = server.connect();
    let start = Instant::now();
    ask(&mut connection, "/endless");
    let head = connection.head();
    assert_eq!(connection.body(&head).1, BodyEnd::Cut);
    assert!(start.elapsed() >= Duration::from_millis(500));
    server.log.wait_for("limits.call_timeout");
}

#[test]
fn a_call_has_its_time_also_where_a_host_call_blocks() {
    let server = Server::builder()
        .guest("ill")
        .config("[handlers.ill]\nisolation = \"request\"\nlimits = { call_timeout = \"300ms\" }")
        .start();
    let start = Instant::now();
    server.get("/sleep-blocking").expect_error(504);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    server.get("/ok").expect(200, "ok");
}

#[test]
fn outbound_requests_over_their_limit_wait() {
    let delay = Duration::from_millis(50);
    let upstream = Upstream::start(Answer { status: "200 OK", body: "{}", delay });
    let config = format!(
        "[handlers.demo2]\noutbound = [\"{0}\"]\nenvironment = {{ ORIGIN = \"{0}\" }}\n\
         limits = {{ outbound_calls = 2 }}",
        upstream.origin()
    );
    let server = Server::builder().demo("demo2").config(&config).start();
    let mut connections: Vec<_> = (0..8).map(|_| server.connect()).collect();
    for connection in &mut connections {
        connection.send("POST /demo2 HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n");
    }
    for connection in &mut connections {
        connection.reply().expect(200, "welcome");
    }
    assert_eq!((upstream.most_at_once(), upstream.asked().len()), (2, 8));
}

#[test]
fn a_hoard_of_resources_is_500() {
    let server = Server::builder().guest("ill").config("[handlers.ill.limits]\nhandles = 1000").start();
    let reply = server.get("/hoard");
    reply.expect_error(500);
    server.log.wait_for_all(&["ERROR", reply.request_id()]);
    server.get("/ok").expect(200, "ok");
}

/// A pool of eight, and calls that each need an instance.
fn small_pool() -> Server {
    Server::builder()
        .server("instances = 8\ncores = 1")
        .guest("ill")
        .demo("hello")
        .config("[handlers.ill]\nisolation = \"request\"\n[handlers.hello]\nisolation = \"request\"")
        .start()
}

#[test]
fn calls_wait_for_a_place_in_a_full_pool() {
    let server = small_pool();
    let mut connections: Vec<_> = (0..40).map(|_| server.connect()).collect();
    for connection in &mut connections {
        ask(connection, "/sleep?ms=20");
    }
    for connection in &mut connections {
        connection.reply().expect(200, "slept");
    }
}

#[test]
fn a_greedy_handler_leaves_places_to_others() {
    let server = small_pool();
    let mut greedy: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for connection in &mut greedy {
        ask(connection, "/sleep?ms=700");
    }
    server.log.wait_for_count("sleep: begins", 6);
    server.get("/").expect(200, "Hello, world");
    assert_eq!(server.log.count("sleep: begins"), 6, "it had to wait for one of them");
    for connection in &mut greedy {
        connection.reply().expect(200, "slept");
    }
}

#[test]
fn idle_instances_make_room_for_others() {
    let server = Server::builder().server("instances = 2\ncores = 1").guest("ill").demo("hello").start();
    // Both are shared, so each has an instance that stays.
    for _ in 0..3 {
        server.get("/ok").expect(200, "ok");
        server.get("/").expect(200, "Hello, world");
    }
    let one = Server::builder().server("instances = 1\ncores = 1").guest("ill").demo("hello").start();
    for _ in 0..3 {
        one.get("/ok").expect(200, "ok");
        one.get("/").expect(200, "Hello, world");
    }
}

#[test]
fn a_call_in_a_reused_instance_has_it_for_itself() {
    let server = Server::builder()
        .server("cores = 1")
        .guest("ill")
        .config("[handlers.ill]\nisolation = \"reuse\"")
        .start();
    let mut leaving = server.connect();
    ask(&mut leaving, "/trap-later?ms=300");
    server.get("/ok").expect(200, "ok");
    drop(leaving);
    // Not beside the call that nobody waits for any more, and that traps meanwhile.
    let reply = server.client().post(&server.url("/sleep?ms=600"), "text/plain", b"");
    reply.expect(200, "slept");
}

#[test]
fn calls_leave_no_memory_behind() {
    let server = Server::builder()
        .server("cores = 1")
        .demo("hello")
        .config("[handlers.hello.limits]\nmemory_bytes = \"2MiB\"")
        .start();
    let mut connection = server.connect();
    let failed = (0..10_000).filter(|_| connection.get("/").status != 200).count();
    assert_eq!(failed, 0);
}

#[test]
fn short_calls_are_never_charged_for_time_that_others_had_the_cpu() {
    let server =
        Server::builder().guest("ill").config("[handlers.ill.limits]\ncpu_timeout = \"1ms\"").start();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 * std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let mut connection = server.connect();
        let failed = (0..1000).filter(|_| connection.get("/ok").status != 200).count();
        over.store(true, Ordering::Relaxed);
        assert_eq!(failed, 0);
    });
}

#[test]
fn thirty_two_endless_loops_leave_the_others_their_turn() {
    let server = Server::builder()
        .server("cores = 1")
        .guest("ill")
        .demo("hello")
        .config("[handlers.ill.limits]\ncpu_timeout = \"1h\"\ncall_timeout = \"1h\"")
        .start();
    let mut spinning: Vec<_> = (0..32).map(|_| server.connect()).collect();
    for connection in &mut spinning {
        ask(connection, "/spin");
    }
    server.log.wait_for_count("spin: begins", 32);
    let mut times: Vec<_> = (0..50)
        .map(|_| {
            let start = Instant::now();
            server.get("/").expect(200, "Hello, world");
            start.elapsed()
        })
        .collect();
    times.sort();
    server.get("/ok").expect(200, "ok");
    // If each of them had its ten milliseconds in between, it would be 320.
    assert!(times[25] < Duration::from_millis(160), "{times:?}");
}

#[test]
fn a_path_that_keeps_trapping_is_refused_for_a_while() {
    let server = Server::builder().guest("ill").start();
    for _ in 0..16 {
        server.get("/trap-if?now=true").expect_error(500);
    }
    server.log.wait_for_all(&["ERROR", "keeps trapping", "pause=1s"]);
    let refused = server.get("/trap-if?now=false");
    refused.expect_error(503);
    assert_eq!(refused.header("retry-after"), Some("1"));
    server.get("/ok").expect(200, "ok");
    wait_until("it is let in on trial", || server.get("/trap-if?now=false").status == 200);
    server.log.wait_for("answers again");
    server.get("/trap-if?now=true").expect_error(500);
    server.get("/trap-if?now=false").expect(200, "no trap");
}

#[test]
fn a_version_that_traps_in_its_first_calls_is_rolled_back() {
    let server = Server::builder().demo("hello").config("[handlers.hello]\nroutes = [\"GET /trap\"]").start();
    server.get("/trap").expect(200, "Hello, world");
    let ill = std::fs::read(test_guest("ill")).unwrap();
    server.put("handlers/hello.wasm", &ill);
    let mut failed = 0;
    wait_until("the new version has trapped", || {
        failed += u32::from(server.get("/trap").status == 500);
        failed > 0
    });
    wait_until("the old version serves again", || {
        let status = server.get("/trap").status;
        failed += u32::from(status == 500);
        status == 200
    });
    assert!(failed >= 3, "{failed}");
    server.log.wait_for_all(&["ERROR", "trapped in its first calls", "serves again"]);
    // The file is not tried again before it changes.
    server.get("/trap").expect(200, "Hello, world");
}
