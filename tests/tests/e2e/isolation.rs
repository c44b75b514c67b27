//! How calls share instances where nobody has said: as the component is made.

use std::time::{Duration, Instant};

use patchboard_tests::{Server, ServerBuilder};

fn builder() -> ServerBuilder {
    Server::builder().guest("queued").server("cores = 1")
}

/// How long four calls take together, of which each waits for a second.
fn four_that_wait(server: &Server) -> Duration {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| server.get("/queued/wait").expect(200, "done"));
        }
    });
    start.elapsed()
}

#[test]
fn what_is_lifted_synchronously_has_one_call_in_an_instance() {
    let server = builder().start();
    server.log.wait_for_all(&["handler=\"queued\"", "kind=patchboard:handler 0.2", "isolation=reuse"]);
    // One behind the other they would take four.
    let taken = four_that_wait(&server);
    assert!(taken < Duration::from_secs(3), "{taken:?}");
}

#[test]
fn what_the_operator_says_of_isolation_counts() {
    for isolation in ["shared", "request"] {
        let server = builder().config(&format!("[handlers.queued]\nisolation = \"{isolation}\"")).start();
        server.log.wait_for_all(&["handler=\"queued\"", &format!("isolation={isolation}")]);
        server.get("/queued").expect(200, "done");
    }
}

#[test]
fn what_is_lifted_asynchronously_is_shared() {
    let server =
        Server::builder().demo("hello").guest("raw").guest("p3-hello").guest("hello-wasi-http").start();
    for name in ["hello", "raw", "p3-hello", "hello-wasi-http"] {
        server.log.wait_for_all(&[&format!("handler=\"{name}\""), "isolation=shared"]);
    }
}
