//! Who leaves a call, and what goes on after a response: the guest hears of it, destructors
//! run, the instance goes on as it was, and nobody else notices.

use std::time::Duration;

use patchboard_tests::{Answer, Connection, Server, ServerBuilder, Upstream, wait_until};
use rustix::process::Signal;

use crate::probes::probe;

fn leaving(limits: &str) -> ServerBuilder {
    Server::builder().server("cores = 1").guest("leaving").config(&format!(
        "[sql.notes]\n[handlers.leaving]\nsql = \"notes\"\noutbound = \"http://self\"\n\
         [handlers.leaving.limits]\n{limits}"
    ))
}

fn ask(server: &Server, path: &str) -> Connection {
    let mut connection = server.connect();
    connection.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
    connection
}

/// How often `what` was counted.
#[track_caller]
fn count(server: &Server, what: &str) -> u32 {
    let counts = server.get("/counts").text().to_owned();
    let found = counts.split(' ').find_map(|count| count.strip_prefix(what)?.strip_prefix('='));
    found.map_or(0, |count| count.parse().unwrap())
}

/// Clients leave each of the stages, 20 at once and as many times as a variable says (`72`
/// makes ten thousand); a listener that was there before goes on.
#[test]
fn whoever_leaves_is_noticed_by_his_own_call_alone() {
    const EACH: usize = 20;
    const STAGES: [&str; 6] = ["head", "sleep", "channel", "stream", "sql", "task"];
    let rounds = std::env::var("PATCHBOARD_LEAVING_ROUNDS").map_or(1, |rounds| rounds.parse().unwrap());
    // One instance, so that calls wait for it where it computes.
    let server = leaving("calls = 4096\ncall_timeout = \"1h\"")
        .server("instances = 1\nprobes = \"127.0.0.1:0\"")
        .start();
    let mut listener = ask(&server, "/leaving/channel");
    listener.head();
    assert_eq!(listener.chunk().unwrap(), b": here\n\n");
    let mut begun = 1;
    for round in 1..=rounds {
        for stage in STAGES {
            let connections: Vec<_> = (0..EACH).map(|_| ask(&server, &format!("/leaving/{stage}"))).collect();
            begun += EACH;
            wait_until("calls have begun", || count(&server, "calls") as usize == begun);
            if matches!(stage, "channel" | "stream") {
                connections.into_iter().for_each(|mut connection| drop(connection.head()));
            } else {
                std::thread::sleep(Duration::from_millis(50));
                drop(connections);
            }
            wait_until(stage, || count(&server, stage) as usize == round * EACH);
        }
        let mut uploads: Vec<_> = (0..EACH).map(|_| server.connect()).collect();
        for upload in &mut uploads {
            upload.send("POST /leaving/body HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\nxxx");
        }
        begun += EACH;
        wait_until("calls have begun", || count(&server, "calls") as usize == begun);
        drop(uploads);
        wait_until("body", || count(&server, "body") as usize == round * EACH);
        server.post_form("/tell", "").expect(200, "1");
        assert_eq!(listener.chunk().unwrap(), b"data: x\n\n");
    }
    // Tasks go on when their clients have left.
    wait_until("tasks", || count(&server, "ended") as usize == rounds * EACH);
    // Longer than what does not listen is waited for.
    std::thread::sleep(Duration::from_millis(1500));
    // One instance has had all of them, and the listener is still in it.
    assert_eq!(count(&server, "calls") as usize, begun);
    server.post_form("/tell", "").expect(200, "1");
    assert_eq!(listener.chunk().unwrap(), b"data: x\n\n");
    // Each was counted, and has its line, also where there was no response yet.
    // Who leaves in the middle of a body is answered, in vain.
    let before_the_head = 4 * rounds * EACH;
    let metrics = probe(&server, "/-/metrics").text().to_owned();
    let left = format!("{{handler=\"leaving\",reason=\"client_left\"}} {before_the_head}\n");
    assert!(metrics.contains(&left), "{metrics}");
    if rounds == 1 {
        // Of more the harness keeps the last lines only.
        server.access_log.wait_for_count("status=499", before_the_head);
    }
}

#[test]
fn a_call_of_another_handler_is_left_with_it() {
    let server = leaving("").start();
    let connection = ask(&server, "/leaving/outbound");
    wait_until("both have begun", || count(&server, "calls") == 2);
    drop(connection);
    wait_until("both are left", || count(&server, "outbound") == 1 && count(&server, "head") == 1);
    assert_eq!(server.log.count("nobody waits"), 0);
}

#[test]
fn what_a_left_call_asks_of_others_by_wasi_http_is_given_up() {
    const LEFT: usize = 20;
    let upstream = |seconds| {
        Upstream::start(Answer { status: "200 OK", body: "late", delay: Duration::from_secs(seconds) })
    };
    let (endless, slow) = (upstream(3600), upstream(4));
    let server = Server::builder()
        .server("cores = 1")
        .guest("p3-hello")
        .config(&format!("[handlers.p3-hello]\noutbound = [\"{}\", \"{}\"]", endless.origin(), slow.origin()))
        .start();
    let pass = |upstream: &Upstream| ask(&server, &format!("/p3-hello/pass?url={}/", upstream.origin()));
    let left: Vec<_> = (0..LEFT).map(|_| pass(&endless)).collect();
    wait_until("all have asked", || endless.open() == LEFT);
    let mut stays = pass(&slow);
    wait_until("it has asked", || slow.open() == 1);
    drop(left);
    server.access_log.wait_for_count("status=499", LEFT);
    // The guest hears of it, and its neighbour in the instance does not.
    server.log.wait_for_count("nobody waits for this call any more", LEFT);
    stays.reply().expect(200, "late");
}

#[test]
fn what_takes_too_long_is_dropped_in_its_instance() {
    let server = leaving("call_timeout = \"300ms\"").start();
    server.get("/leaving/sleep").expect_error(504);
    wait_until("it is dropped", || count(&server, "sleep") == 1);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(count(&server, "calls"), 1);
}

#[test]
fn a_task_ends_after_its_response_with_its_id_in_the_log() {
    let server = leaving("").start();
    let reply = server.get("/after/ends");
    reply.expect(200, "begun");
    server.log.wait_for_all(&["the task says so", reply.request_id()]);
    wait_until("it has ended", || count(&server, "ended") == 1);
}

#[test]
fn a_task_that_fails_says_so() {
    let server = leaving("").start();
    let reply = server.get("/after/fails");
    reply.expect(200, "begun");
    let line = server.log.wait_for_all(&["ERROR", "task=\"fails\"", reply.request_id()]);
    assert!(line.contains("the other side does not answer"), "{line}");
    assert_eq!(server.log.count("and this is another line"), 1);
}

#[test]
fn a_task_has_its_time() {
    let server = leaving("after_timeout = \"300ms\"").start();
    let reply = server.get("/after/waits");
    reply.expect(200, "begun");
    server.log.wait_for_all(&["cancelled", "limits.after_timeout", "task=\"waits\"", reply.request_id()]);
    wait_until("it is dropped", || count(&server, "after") == 1);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(count(&server, "after"), 1, "in the instance that was there before");
}

#[test]
fn tasks_are_bounded() {
    let server = leaving("after_tasks = 2").start();
    for _ in 0..2 {
        server.get("/after/waits").expect(200, "begun");
    }
    let refused = server.get("/after/waits");
    assert!(refused.text().contains("limits.after_tasks"), "{}", refused.text());
}

#[test]
fn a_panic_in_a_task_is_no_other_calls() {
    let server = leaving("").start();
    let mut waiting = ask(&server, "/leaving/head");
    wait_until("it has begun", || count(&server, "calls") == 1);
    let reply = server.get("/after/panics");
    reply.expect(200, "begun");
    server.log.wait_for_all(&["ERROR", "trapped", reply.request_id()]);
    // What was in the instance runs again in another.
    wait_until("it runs again", || count(&server, "calls") == 1);
    waiting.send("");
    for _ in 0..20 {
        server.get("/after/panics").expect(200, "begun");
        std::thread::sleep(Duration::from_millis(40));
    }
    // Its path is not paused for what happened after its answers.
    server.get("/after/panics").expect(200, "begun");
}

#[test]
fn a_task_may_upload_when_its_response_is_complete() {
    let server = leaving("").start();
    server.get("/after/uploads").expect(200, "begun");
    wait_until("it has ended", || count(&server, "ended") == 1);
}

#[test]
fn a_task_goes_on_with_its_work_when_its_client_has_left() {
    let server = leaving("").start();
    let connection = ask(&server, "/after/left");
    std::thread::sleep(Duration::from_millis(100));
    drop(connection);
    wait_until("it has ended", || count(&server, "ended") == 1);
    assert_eq!(server.log.count("failed"), 0);
}

#[test]
fn a_task_that_ends_with_a_neighbours_trap_is_named() {
    let server = leaving("").start();
    let reply = server.get("/after/waits");
    reply.expect(200, "begun");
    server.get("/after/panics").expect(200, "begun");
    server.log.wait_for_all(&["ERROR", "task=\"waits\"", "trapped", reply.request_id()]);
}

#[test]
fn another_version_tells_streams_of_the_one_before_to_end() {
    let server = leaving("").start();
    let mut stream = ask(&server, "/until-draining");
    let head = stream.head();
    assert_eq!(stream.chunk().unwrap(), b"begun\n");
    let mut other = std::fs::read(server.handler_file("leaving")).unwrap();
    // An empty custom section more.
    other.extend([0, 2, 1, b'x']);
    server.put("handlers/leaving.wasm", other);
    assert_eq!(stream.body(&head).0, b"ended\n");
}

#[test]
fn an_instance_of_one_call_is_not_told_to_end_by_it() {
    let server = Server::builder()
        .guest("leaving")
        .config(
            "[sql.notes]\n[handlers.leaving]\nsql = \"notes\"\noutbound = \"http://self\"\nisolation = \"request\"",
        )
        .start();
    let mut stream = ask(&server, "/until-draining");
    stream.head();
    assert_eq!(stream.chunk().unwrap(), b"begun\n");
    std::thread::sleep(Duration::from_millis(300));
    server.signal(Signal::TERM);
    assert_eq!(stream.chunk().unwrap(), b"ended\n");
}

#[test]
fn the_drain_waits_for_tasks() {
    let server = leaving("").start();
    server.get("/after/ends").expect(200, "begun");
    let exited = server.stop();
    assert!(exited.log.contains("the task says so"), "{}", exited.log);
    assert!(exited.log.contains("drained"), "{}", exited.log);
}

#[test]
fn a_drain_tells_streams_to_end() {
    let mut server = leaving("").start();
    let mut stream = ask(&server, "/until-draining");
    let head = stream.head();
    assert_eq!(stream.chunk().unwrap(), b"begun\n");
    server.signal(Signal::TERM);
    let (rest, _) = stream.body(&head);
    assert_eq!(rest, b"ended\n");
    assert!(server.wait_exit().log.contains("drained"));
}

#[test]
fn what_the_drain_did_not_end_is_told_and_dropped() {
    let mut server = leaving("").server("drain_timeout = \"300ms\"").start();
    server.get("/after/waits").expect(200, "begun");
    let _waiting = ask(&server, "/leaving/head");
    wait_until("it has begun", || count(&server, "calls") == 1);
    server.signal(Signal::TERM);
    let log = server.wait_exit().log;
    assert!(log.contains("cancelled: the server ends"), "{log}");
}

#[test]
fn the_client_is_known() {
    let server = leaving("").server("trusted_proxies = [\"127.0.0.1/32\"]").start();
    server
        .client()
        .get_with(&server.url("/client"), &[("x-forwarded-for", "192.0.2.7")])
        .expect(200, "192.0.2.7 None HTTP/1.1");
    server.get("/client").expect(200, "nobody HTTP/1.1");
    let server = leaving("").start();
    let text = server.get("/client").text().to_owned();
    assert!(text.starts_with("127.0.0.1 Some(") && text.ends_with("HTTP/1.1"), "{text}");
    let mut old = server.connect();
    old.send("GET /client HTTP/1.0\r\nHost: test\r\n\r\n");
    let text = String::from_utf8(old.rest()).unwrap();
    assert!(text.ends_with("HTTP/1.0"), "{text}");
}
