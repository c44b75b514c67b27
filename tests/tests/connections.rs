//! Connections: their number, their idle time, and what ends them.

use patchboard_tests::{Server, Shared};

static SERVER: Shared = Shared::new(|| {
    Server::builder()
        .server("head_timeout = \"2s\"\nhead_bytes = \"16KiB\"")
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
fn connections_beyond_the_limit_wait_for_a_place() {
    let server = Server::builder().server("connections = 2").demo("hello").start();
    let (mut first, mut second) = (server.connect(), server.connect());
    first.get("/").expect(200, "Hello, world");
    second.get("/").expect(200, "Hello, world");
    let mut third = server.connect();
    third.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    drop(first);
    third.reply().expect(200, "Hello, world");
    second.get("/").expect(200, "Hello, world");
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
