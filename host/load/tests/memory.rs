//! Memory does not grow with the number of requests. A program of its own, since what is
//! measured is the whole process.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "it needs a part of it")]
#[path = "all/scripted/mod.rs"]
mod scripted;

use scripted::{OK, Server, load};

fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[test]
fn it_is_flat() {
    let server = Server::always(OK);
    let run = |requests: u64| {
        load(&format!("{}/{{{{seq}}}} -n {requests} -c 4 --expect-body ok", server.address));
        resident_bytes()
    };
    let few = run(2_000);
    let many = run(100_000);
    assert_eq!(server.requests(), 102_000);
    // A latency alone would be 800 kB, a small record of each request several megabytes.
    assert!(many < few + 4_000_000, "{few} bytes, then {many}");
}
