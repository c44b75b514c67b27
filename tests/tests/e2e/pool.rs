//! The pool, by what components need of each thing in it: a handler that takes as much as
//! it can get keeps no other from answering, and what never fits is not loaded.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use patchboard_tests::{Server, test_guest, with_instances};

/// The size of the pool, and calls at once that want more than it has.
const INSTANCES: usize = 100;
const CALLS: usize = 40;

const MEMORY: &str = "(module (memory 1))";
const TABLE: &str = "(module (table 1 funcref))";
const INSTANCE: &str = "(module)";

/// A guest of which each instance has so many more of `module`.
fn heavy(module: &str, instances: u32) -> Vec<u8> {
    with_instances(&fs::read(test_guest("ill")).unwrap(), module, instances)
}

/// Forty calls at once to a handler whose instances need much, beside one that must answer.
#[track_caller]
fn others_answer_beside(module: &str, instances: u32) {
    let server = Server::builder()
        .server(&format!("cores = 2\ninstances = {INSTANCES}"))
        .file("handlers/heavy.wasm", heavy(module, instances))
        .guest_as("ill", "modest")
        .guest("p2-hello")
        .config(
            "[handlers.heavy]\nisolation = \"request\"\n\
             routes = [{ route = \"GET /heavy\", name = \"sleep\" }]\n\
             limits = { queue_timeout = \"1s\" }\n\
             [handlers.modest]\nisolation = \"request\"\n\
             routes = [{ route = \"GET /modest\", name = \"ok\" }]",
        )
        .start();
    let (answered, waited) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..CALLS {
            scope.spawn(|| {
                let reply = server.get("/heavy?ms=1500");
                match reply.status {
                    200 => answered.fetch_add(1, Ordering::Relaxed),
                    503 => waited.fetch_add(1, Ordering::Relaxed),
                    status => panic!("{status}: {}", reply.text()),
                };
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
        server.log.wait_for("sleep: begins");
        while done.load(Ordering::Relaxed) < CALLS {
            server.get("/modest").expect(200, "ok");
            assert_eq!(server.get("/p2-hello/x").status, 200);
        }
    });
    // Two or three have room at once, and what did not fit has waited for its time.
    let (answered, waited) = (answered.into_inner(), waited.into_inner());
    assert!(answered > 0 && waited > 0, "{answered} answered, {waited} refused");
    server.log.wait_for("limits.queue_timeout");
    server.get("/heavy?ms=0").expect(200, "slept");
}

#[test]
fn many_memories_leave_others_theirs() {
    others_answer_beside(MEMORY, 27);
}

#[test]
fn many_tables_leave_others_theirs() {
    others_answer_beside(TABLE, 29);
}

#[test]
fn many_core_instances_leave_others_theirs() {
    others_answer_beside(INSTANCE, 28);
}

#[test]
fn what_never_fits_is_not_loaded() {
    for (module, part) in [
        (MEMORY, "needs 41 memories"),
        (TABLE, " tables, and a component may have 32"),
        (INSTANCE, "instances of core modules"),
    ] {
        let server = Server::builder().file("handlers/heavy.wasm", heavy(module, 40)).start();
        let line = server.log.wait_for("handler heavy");
        assert!(line.contains(part) && line.contains("a component may have 32"), "{line}");
        server.get("/ok").expect_error(503);
    }
}

#[test]
fn what_needs_much_starts_in_the_smallest_pool() {
    let server = Server::builder()
        .server("cores = 1\ninstances = 1")
        .file("handlers/heavy.wasm", heavy(MEMORY, 24))
        .config("[handlers.heavy]\nroutes = [{ route = \"GET /heavy\", name = \"ok\" }]")
        .start();
    server.get("/heavy").expect(200, "ok");
}
