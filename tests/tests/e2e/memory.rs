//! What a handler makes the host keep counts as its memory: whoever hoards fails alone, and
//! the server stays as large as the limits say.

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use patchboard_tests::{Connection, Reply, Server, ServerBuilder};

use crate::probes::probe;

/// What the server may need beside the memory of its handlers.
const BESIDE: u64 = 64 << 20;
const LIMIT: u64 = 128 << 20;

/// A server with the guest, and a handler beside it that must answer.
fn server(guest: &str, config: &str) -> Server {
    builder(guest).config(config).start()
}

fn builder(guest: &str) -> ServerBuilder {
    let builder = Server::builder().server("cores = 2\nprobes = \"127.0.0.1:0\"").guest(guest).demo("hello");
    // A backtrace reads the symbols of the binary into memory.
    builder.variable("RUST_BACKTRACE", "0")
}

/// Asks for `path` some times, and meanwhile the other handler; whatever comes of it, the
/// server has no more memory than the handler may have, and a little.
#[track_caller]
fn hoards(server: &Server, path: &str) -> Vec<Reply> {
    let before = server.peak_memory();
    let (done, mut replies) = (AtomicBool::new(false), Vec::new());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                server.get("/").expect(200, "Hello, world");
            }
        });
        // One after the other: what is held is given back.
        replies.extend((0..3).map(|_| server.get(path)));
        done.store(true, Ordering::Relaxed);
    });
    let more = server.peak_memory().saturating_sub(before);
    assert!(more < LIMIT + BESIDE, "{path}: {} MiB more", more >> 20);
    replies
}

#[track_caller]
fn fails(server: &Server, path: &str) {
    for reply in hoards(server, path) {
        reply.expect_error(500);
    }
    server.log.wait_for("limits.memory_bytes (134217728 bytes)");
    server.get("/").expect(200, "Hello, world");
}

#[test]
fn fields_of_0_2_that_a_guest_keeps_are_its_memory() {
    fails(&server("p2-hello", ""), "/p2-hello/hoard-fields");
}

#[test]
fn requests_of_0_2_that_a_guest_keeps_are_its_memory() {
    fails(&server("p2-hello", ""), "/p2-hello/hoard-requests");
}

#[test]
fn bodies_of_0_2_that_a_guest_keeps_are_its_memory() {
    fails(&server("p2-hello", ""), "/p2-hello/hoard-bodies");
}

#[test]
fn fields_of_0_3_that_a_guest_keeps_are_its_memory() {
    fails(&server("p3-hello", ""), "/p3-hello/hoard-fields");
}

#[test]
fn requests_of_0_3_that_a_guest_keeps_are_its_memory() {
    fails(&server("p3-hello", ""), "/p3-hello/hoard-requests");
}

#[test]
fn streams_that_a_guest_keeps_are_its_memory() {
    fails(&server("p3-hello", ""), "/p3-hello/hoard-streams");
}

#[test]
fn paths_of_files_that_are_waited_for_are_memory_of_the_handler() {
    let folder = tempfile::tempdir().unwrap();
    mknodat(CWD, folder.path().join("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let config = format!(
        "[handlers.p3-hello]\nisolation = \"request\"\nfolders = {{ \"/data\" = {:?} }}",
        folder.path().display().to_string()
    );
    let server = server("p3-hello", &config);
    let before = server.peak_memory();
    // Once: nobody comes to the other end of the pipe, and the threads for files are waited for.
    server.get("/p3-hello/hoard-paths").expect_error(500);
    let more = server.peak_memory().saturating_sub(before);
    assert!(more < LIMIT + BESIDE, "{} MiB more", more >> 20);
    server.log.wait_for("limits.memory_bytes (134217728 bytes)");
    server.get("/").expect(200, "Hello, world");
}

#[test]
fn what_waits_for_a_bucket_is_memory_of_the_handler() {
    let server = server("key-value", "[handlers.key-value]\nkey_value = \"default\"");
    // The file of the buckets has a cache of its own, which is full then.
    for _ in 0..3 {
        server.get("/pending/default/60").expect(200, "60 of them");
    }
    fails(&server, "/pending/default/1500");
}

#[test]
fn a_body_that_nobody_reads_is_memory_of_the_handler() {
    let server = server(
        "raw",
        "[handlers.raw]\nroutes = [\"GET /raw/{case}\"]\nlimits = { total_memory_bytes = \"128MiB\" }",
    );
    let before = server.peak_memory();
    let mut readers: Vec<Connection> = (0..60).map(|_| server.connect()).collect();
    // One after the other: what several calls of an instance hand over in one turn is with the host
    // before any of it can be counted.
    let statuses: Vec<_> = readers
        .iter_mut()
        .map(|reader| {
            reader.send("GET /raw/large HTTP/1.1\r\nHost: test\r\n\r\n");
            reader.head().status
        })
        .collect();
    assert!(statuses.contains(&200) && statuses.contains(&500), "{statuses:?}");
    server.log.wait_for("limits.total_memory_bytes (134217728 bytes)");
    let more = server.peak_memory().saturating_sub(before);
    assert!(more < LIMIT + BESIDE, "{} MiB more", more >> 20);
    drop(readers);
    server.get("/").expect(200, "Hello, world");
}

#[test]
fn all_instances_of_a_handler_have_a_limit_together() {
    let config = "[handlers.ill]\nisolation = \"request\"\nlimits = { total_memory_bytes = \"20MiB\" }";
    let server = server("ill", config);
    let mut sleeping: Vec<Connection> = (0..30).map(|_| server.connect()).collect();
    for connection in &mut sleeping {
        connection.send("GET /sleep?ms=1000 HTTP/1.1\r\nHost: test\r\n\r\n");
    }
    let statuses: Vec<_> = sleeping.iter_mut().map(|connection| connection.reply().status).collect();
    assert!(statuses.contains(&200) && statuses.contains(&503), "{statuses:?}");
    server.log.wait_for("limits.total_memory_bytes (20971520 bytes)");
    server.get("/").expect(200, "Hello, world");
}

#[test]
fn metrics_tell_what_a_handler_has_of_memory() {
    let server = server("ill", "");
    server.get("/ok").expect(200, "ok");
    let metrics = probe(&server, "/-/metrics").text().to_owned();
    let of = |name: &str| -> u64 {
        let line = format!("{name}{{handler=\"ill\"}} ");
        metrics.lines().find_map(|found| found.strip_prefix(&line)).unwrap().parse().unwrap()
    };
    let (all, most) = (of("patchboard_memory_bytes"), of("patchboard_instance_memory_peak_bytes"));
    assert!(all > 1 << 20 && most > 1 << 20 && most <= LIMIT, "{all} {most}");
}
