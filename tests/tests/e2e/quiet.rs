//! What the server does when nobody asks it anything: nearly nothing.

use std::fs;
use std::time::{Duration, Instant};

use patchboard_tests::{Server, wait_until};

/// How often threads of the process have gone to sleep so far: each has been awake before.
fn sleeps(server: &Server) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap();
    let count = |status: String| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.map_or(0, |count| count.trim().parse().unwrap())
    };
    tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("status")).ok()).map(count).sum()
}

/// The least in five seconds of some, since what was asked before still ends in the first.
#[track_caller]
fn expect_quiet(server: &Server) {
    const SECONDS: u64 = 5;
    let mut found = Vec::new();
    for _ in 0..8 {
        let (before, start) = (sleeps(server), Instant::now());
        while start.elapsed() < Duration::from_secs(SECONDS) {
            std::thread::sleep(Duration::from_millis(100));
        }
        found.push(sleeps(server) - before);
        if found.last().is_some_and(|count| *count <= 5 * SECONDS) {
            return;
        }
    }
    panic!("the process woke up {found:?} times in {SECONDS} s each");
}

#[test]
fn it_sleeps_while_nobody_asks() {
    let server = Server::builder()
        .server("probes = \"127.0.0.1:0\"")
        .demo("hello")
        .guest("p2-hello")
        .file("files/a", "a")
        .config("[[static]]\nprefix = \"/files\"\ndir = \"files\"")
        .start();
    expect_quiet(&server);
    for path in ["/", "/p2-hello", "/files/a"] {
        assert_eq!(server.get(path).status, 200);
    }
    // Its instances, and a connection, are still there.
    let mut connection = server.connect();
    assert_eq!(connection.get("/").text(), "Hello, world");
    expect_quiet(&server);
    assert_eq!(connection.get("/").text(), "Hello, world");
}

#[test]
fn who_computes_after_that_is_interrupted_as_ever() {
    let server = Server::builder()
        .server("cores = 1")
        .guest("ill")
        .config("[handlers.ill.limits]\ncpu_timeout = \"300ms\"")
        .start();
    for _ in 0..3 {
        expect_quiet(&server);
        server.get("/spin").expect_error(500);
    }
}

/// What the process has of memory that is no file's, and the most it has ever had at once of
/// all, in KiB.
fn memory(server: &Server) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let number = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap()
    };
    (number("RssAnon:"), number("VmHWM:"))
}

#[test]
fn what_a_compilation_took_is_given_back() {
    let functions = "(func (param i32) (result i32) local.get 0 i32.const 7 i32.mul)".repeat(120_000);
    let large = wat::parse_str(format!("(component (core module {functions}))")).unwrap();
    let server = Server::builder().demo("hello").start();
    let (before, most_before) = memory(&server);
    server.put("handlers/large.wasm", large);
    // It has no handler in it, which is seen once it is compiled.
    server.log.wait_for("ERROR handler large: ");
    let took = memory(&server).1 - most_before;
    assert!(took > 40 << 10, "compiling took {took} KiB only, which shows nothing");
    wait_until("most of it is given back", || memory(&server).0 < before + took / 5);
}
