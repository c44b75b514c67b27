//! Many versions of one handler, good and broken ones, one after the other: who asks
//! meanwhile does not notice, but for the version.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use patchboard_tests::{Server, SetOnDrop, hello_that_says, wait_until};

const RELOADS: usize = 100;
/// So few that the compiler, whose priority is low, has its turn too.
const CLIENTS: usize = 2;
const VERSIONS: [&str; 2] = ["Hello, again", "Hello, world"];

/// The ways in which a file is broken, in turn.
fn broken(number: usize) -> Vec<u8> {
    let mut whole = hello_that_says(VERSIONS[0]);
    match number % 4 {
        0 => b"this is no component".to_vec(),
        1 => Vec::new(),
        2 => whole[..whole.len() / 2].to_vec(),
        _ => {
            whole.extend(b"and more");
            whole
        }
    }
}

#[test]
fn no_request_fails_while_a_hundred_versions_come() {
    let server = Server::builder().demo("hello").server("access_log = \"off\"").start();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut connection = server.connect();
                while !done.load(Ordering::Relaxed) {
                    let reply = connection.get("/");
                    assert!(reply.status == 200 && VERSIONS.contains(&reply.text()), "{reply:?}");
                }
            });
        }
        // The clients end, also where this panics.
        let _done = SetOnDrop(&done);
        for number in 0..RELOADS / 2 {
            server.put("handlers/hello.wasm", broken(number));
            server.log.wait_for_count("the version before goes on serving", number + 1);
            let version = VERSIONS[number % 2];
            server.put("handlers/hello.wasm", hello_that_says(version));
            wait_until("the good version serves", || server.get("/").text() == version);
        }
    });
    let last = VERSIONS[(RELOADS / 2 - 1) % 2];
    server.get("/").expect(200, last);
}
