//! Connections: their number, their idle time, and what ends them.

use std::time::{Duration, Instant};

use patchboard_tests::{Server, Shared};

static SERVER: Shared = Shared::new(|| {
    Server::builder()
        .server("head_timeout = \"2s\"\nidle_timeout = \"500ms\"\nhead_bytes = \"16KiB\"")
        .demo("hello")
        .guest("ill")
        .start()
});

#[test]
fn a_malformed_chunk_ends_the_connection() {
    for chunk in ["zz\r\nhello\r\n", "5\nhello\r\n", "3\r\nhello\r\n", "-1\r\n", "FFFFFFFFFFFFFFFFF\r\nx\r\n"]
    {
        let mut connection = SERVER.get().connect();
        connection.send("POST /slow-read HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
        connection.try_send(chunk).ok();
        connection.try_send("GET /ok HTTP/1.1\r\nHost: test\r\n\r\n").ok();
        let answer = String::from_utf8_lossy(&connection.rest()).into_owned();
        assert!(!answer.contains("\r\n\r\nok"), "what follows a bad chunk is no request: {chunk:?} {answer}");
    }
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
fn at_the_limit_the_connection_that_is_idle_longest_makes_room() {
    // Of two cores, the one that answers first may note it last.
    let server = Server::builder().server("connections = 3\ncores = 1").demo("hello").guest("ill").start();
    let (mut idle, mut later, mut busy) = (server.connect(), server.connect(), server.connect());
    idle.get("/").expect(200, "Hello, world");
    later.get("/").expect(200, "Hello, world");
    busy.send("GET /sleep?ms=3000 HTTP/1.1\r\nHost: test\r\n\r\n");
    server.log.wait_for("sleep: begins");
    let mut new = server.connect();
    new.get("/").expect(200, "Hello, world");
    idle.expect_closed();
    later.get("/").expect(200, "Hello, world");
    new.get("/").expect(200, "Hello, world");
    busy.reply().expect(200, "slept");
}

#[test]
fn at_the_limit_who_is_idle_goes_before_who_is_slow_and_that_before_who_is_served() {
    let server = Server::builder().server("connections = 2\ncores = 1").demo("hello").guest("ill").start();
    let mut slow = server.connect();
    slow.send("GET / HTTP/1.1\r\nHo");
    let mut idle = server.connect();
    idle.get("/").expect(200, "Hello, world");
    // The one that is idle, though the other has been waited for longer.
    let mut busy = server.connect();
    busy.send("GET /sleep?ms=3000 HTTP/1.1\r\nHost: test\r\n\r\n");
    server.log.wait_for("sleep: begins");
    idle.expect_closed();
    // Then the one in its head.
    let mut another = server.connect();
    another.send("GET /sleep?ms=3000 HTTP/1.1\r\nHost: test\r\n\r\n");
    server.log.wait_for_count("sleep: begins", 2);
    slow.expect_closed();
    // Then nobody: the new one waits for the end of a call.
    let mut last = server.connect();
    last.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    busy.reply().expect(200, "slept");
    last.reply().expect(200, "Hello, world");
    another.reply().expect(200, "slept");
}

#[test]
fn many_more_clients_than_connections_are_all_served() {
    let server = Server::builder().server("connections = 4").demo("hello").start();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let mut connection = server.connect();
                    // Between its requests it may be closed.
                    connection.send("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
                    connection.reply().expect(200, "Hello, world");
                }
            });
        }
    });
}

#[test]
fn the_limit_is_held_against_the_open_files() {
    let exited =
        Server::builder().server("connections = 4_000_000_000").config("[handlers.x]").start_in_vain();
    assert_eq!(exited.code, Some(2), "{}", exited.log);
    for part in ["server.connections", "LimitNOFILE", "[handlers.x]"] {
        assert!(exited.log.contains(part), "no {part:?} in {}", exited.log);
    }
    let server = Server::builder().start();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let numbers: Vec<_> = files.split_whitespace().skip(3).take(2).collect();
    assert_eq!(numbers[0], numbers[1], "raised as far as it may be: {files}");
    server.put("patchboard.toml", "[server]\nhandlers = \"handlers\"\nconnections = 4_000_000_000\n");
    server.log.wait_for_all(&["ERROR", "server.connections", "LimitNOFILE"]);
}

#[test]
fn a_connection_between_requests_has_its_own_time() {
    let server = Server::builder().server("head_timeout = \"300ms\"").demo("hello").start();
    let mut connection = server.connect();
    connection.get("/").expect(200, "Hello, world");
    // A client that thinks for longer than a head may take.
    std::thread::sleep(Duration::from_millis(900));
    connection.get("/").expect(200, "Hello, world");
    connection.send("GET / HTTP/1.1\r\nHo");
    connection.reply().expect_error(408);
    // Who never asks anything is not waited for so long.
    server.connect().expect_closed();
}

#[test]
fn a_connection_has_a_number_of_requests() {
    let server = Server::builder().server("requests_per_connection = 3").demo("hello").start();
    let mut connection = server.connect();
    for last in [false, false, true] {
        let reply = connection.get("/");
        reply.expect(200, "Hello, world");
        assert_eq!(reply.header("connection"), last.then_some("close"));
    }
    connection.expect_closed();
    // Those that were sent ahead are answered up to there.
    let mut connection = server.connect();
    connection.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n".repeat(5));
    (0..3).for_each(|_| connection.reply().expect(200, "Hello, world"));
    connection.expect_closed();
}

#[test]
fn who_does_not_take_a_response_is_closed_after_a_while() {
    let server = with_large_file("write_timeout = \"500ms\"");
    let mut stuck = server.connect();
    stuck.send("GET /files/large HTTP/1.1\r\nHost: test\r\n\r\n");
    let mut endless = server.connect();
    endless.send("GET /endless HTTP/1.1\r\nHost: test\r\n\r\n");
    server.access_log.wait_for_all(&["target=\"/files/large\"", "complete=false"]);
    server.access_log.wait_for_all(&["target=\"/endless\"", "complete=false"]);
    let taken = stuck.rest().len();
    assert!(taken < LARGE, "{taken}");
}

#[test]
fn who_is_slow_but_goes_on_has_all_the_time() {
    let server = with_large_file("write_timeout = \"3s\"");
    let mut slow = server.connect();
    slow.send("GET /files/large HTTP/1.1\r\nHost: test\r\n\r\n");
    let head = slow.head();
    assert_eq!(head.header("content-length"), Some(LARGE.to_string().as_str()));
    let (start, mut taken, mut rested) = (Instant::now(), 0, 0);
    while taken < LARGE {
        let part = slow.some();
        assert!(!part.is_empty(), "cut after {taken}");
        taken += part.len();
        if taken / SLOW > rested {
            rested = taken / SLOW;
            // A slow client.
            std::thread::sleep(Duration::from_millis(500));
        }
    }
    assert!(start.elapsed() > Duration::from_secs(4), "{:?}", start.elapsed());
}

/// More than the kernel buffers on both sides.
const LARGE: usize = 64 << 20;
/// What a slow client takes at once.
const SLOW: usize = 6 << 20;

fn with_large_file(server: &str) -> Server {
    let builder = Server::builder()
        .server(server)
        .guest("ill")
        .config("[[static]]\nprefix = \"/files\"\ndir = \"site\"")
        .file("site/large", "");
    std::fs::File::options()
        .write(true)
        .open(builder.dir().join("site/large"))
        .unwrap()
        .set_len(LARGE as u64)
        .unwrap();
    builder.start()
}

#[test]
fn eight_connections_that_stay_are_shared_evenly_by_the_cores() {
    let server = Server::builder().server("cores = 2").demo("hello").start();
    let mut connections: Vec<_> = (0..8).map(|_| server.connect()).collect();
    for connection in &mut connections {
        connection.get("/").expect(200, "Hello, world");
    }
    // Wherever they went: those that are left may well be one core's, and those that
    // come next have to make up for it.
    for place in [0, 2, 4] {
        connections[place].send("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        connections[place].rest();
        connections[place] = server.connect();
        connections[place].get("/").expect(200, "Hello, world");
    }
    let before = core_times(&server);
    std::thread::scope(|scope| {
        for connection in &mut connections {
            scope.spawn(|| {
                for _ in 0..200 {
                    connection.get("/").expect(200, "Hello, world");
                }
            });
        }
    });
    let used: Vec<_> = core_times(&server).iter().zip(before).map(|(after, before)| after - before).collect();
    let [one, other] = used[..] else { panic!("two cores, but {used:?}") };
    assert!(one.max(other) < 3 * one.min(other), "{used:?} ns of CPU time");
}

/// The CPU time of each core so far, in nanoseconds, as the kernel's scheduler has it.
fn core_times(server: &Server) -> Vec<u64> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.pid()));
    let mut times: Vec<_> = tasks
        .into_iter()
        .flatten()
        .filter_map(|task| Some(task.ok()?.path()))
        .filter_map(|task| {
            let name = std::fs::read_to_string(task.join("comm")).ok()?;
            let times = std::fs::read_to_string(task.join("schedstat")).ok()?;
            let time = times.split(' ').next()?.parse().ok()?;
            name.starts_with("core-").then_some((name, time))
        })
        .collect();
    times.sort();
    times.into_iter().map(|(_, time)| time).collect()
}
