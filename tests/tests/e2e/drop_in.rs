//! Components dropped into a running server: new, changed, broken, removed.

use std::fs;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use patchboard_tests::{Server, demo_handler, hello_that_says as hello, test_guest, wait_until};

/// Speaks wasi:http 0.2, and asks for a power that nobody has granted.
const GREEDY: &str = r#"(component
    (import "wasi:keyvalue/store@0.2.0" (instance))
    (instance $handler)
    (export "wasi:http/incoming-handler@0.2.0" (instance $handler))
)"#;

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[track_caller]
fn wait_for_answer(server: &Server, path: &str, status: u16, text: &str) {
    wait_until(&format!("{path} answers {status} {text:?}"), || {
        let reply = server.get(path);
        (reply.status, reply.text()) == (status, text) || (reply.status == status && text.is_empty())
    });
}

#[test]
fn a_new_component_brings_its_routes() {
    let server = Server::builder().start();
    server.get("/").expect_error(404);
    fs::copy(demo_handler("hello"), server.handler_file("hello")).unwrap();
    let line = server.log.wait_for("loaded handler=\"hello\"");
    assert!(line.contains("digest=") && line.contains("routes=\"GET /\""), "{line}");
    wait_for_answer(&server, "/", 200, "Hello, world");
}

#[test]
fn a_changed_component_takes_over_and_a_removed_one_goes() {
    let server = Server::builder().demo("hello").start();
    server.get("/").expect(200, "Hello, world");
    server.put("handlers/hello.wasm", hello("Hello, again"));
    wait_for_answer(&server, "/", 200, "Hello, again");
    fs::write(server.handler_file("hello"), hello("Hello, third")).unwrap();
    wait_for_answer(&server, "/", 200, "Hello, third");
    fs::remove_file(server.handler_file("hello")).unwrap();
    wait_for_answer(&server, "/", 404, "");
    server.log.wait_for("removed handler=\"hello\"");
}

#[test]
fn no_request_fails_while_versions_change_under_load() {
    const REQUESTS: usize = 10_000;
    const CHANGES: usize = 4;
    let versions = ["Hello, again", "Hello, world"];
    let server = Server::builder().demo("hello").server("access_log = \"off\"").start();
    let (changed, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let seen = [AtomicUsize::new(0), AtomicUsize::new(0)];
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut connection = server.connect();
                while !changed.load(Ordering::Relaxed) || answered.load(Ordering::Relaxed) < REQUESTS {
                    let reply = connection.get("/");
                    assert_eq!(reply.status, 200, "{reply:?}");
                    let version = versions.iter().position(|text| *text == reply.text());
                    seen[version.expect("one of the versions")].fetch_add(1, Ordering::Relaxed);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for change in 0..CHANGES {
            server.put("handlers/hello.wasm", hello(versions[change % 2]));
            // One line at the start, then one a change.
            server.log.wait_for_count("loaded handler=\"hello\"", change + 2);
        }
        changed.store(true, Ordering::Relaxed);
    });
    assert!(answered.load(Ordering::Relaxed) >= REQUESTS);
    for (version, seen) in versions.iter().zip(&seen) {
        assert!(seen.load(Ordering::Relaxed) > 0, "nobody saw {version}");
    }
    server.get("/").expect(200, "Hello, world");
}

#[test]
fn a_call_under_way_finishes_on_the_old_version() {
    let server = Server::builder().guest("ill").start();
    let mut old = server.connect();
    old.send("GET /sleep?ms=1500 HTTP/1.1\r\nHost: test\r\n\r\n");
    server.log.wait_for("sleep: begins");
    server.put("handlers/ill.wasm", fs::read(demo_handler("hello")).unwrap());
    wait_for_answer(&server, "/", 200, "Hello, world");
    server.get("/ok").expect_error(404);
    old.reply().expect(200, "slept");
}

#[test]
fn a_broken_file_leaves_the_old_version_serving() {
    let server = Server::builder().demo("hello").start();
    server.put("handlers/hello.wasm", "this is no component");
    server.log.wait_for_all(&[
        "ERROR",
        "handler hello: is not a WebAssembly component",
        "the version before goes on",
    ]);
    server.get("/").expect(200, "Hello, world");
    let whole = hello("Hello, again");
    server.put("handlers/hello.wasm", &whole[..whole.len() / 2]);
    server.log.wait_for_count("the version before goes on", 2);
    server.get("/").expect(200, "Hello, world");
    server.put("handlers/hello.wasm", whole);
    wait_for_answer(&server, "/", 200, "Hello, again");
}

#[test]
fn a_slow_copy_ends_well() {
    let server = Server::builder().demo("hello").start();
    let bytes = hello("Hello, again");
    let mut file = fs::File::create(server.handler_file("hello")).unwrap();
    for part in bytes.chunks(bytes.len() / 10) {
        server.get("/").expect(200, "Hello, world");
        file.write_all(part).unwrap();
        file.flush().unwrap();
        // As long as a slow disk or network takes; not waited for anything.
        thread::sleep(std::time::Duration::from_millis(80));
    }
    drop(file);
    wait_for_answer(&server, "/", 200, "Hello, again");
}

#[test]
fn what_is_no_handler_answers_503_at_its_name_and_the_rest_serves() {
    let cases = [
        ("text", b"no component".to_vec(), "is not a WebAssembly component"),
        ("module", component("(module)"), "is a core module, not a component"),
        ("nothing", component("(component)"), "exports no handler"),
        ("greedy", component(GREEDY), "imports wasi:keyvalue/store, which is not granted; add key_value"),
        ("odd", component(&GREEDY.replace("keyvalue", "other")), "which this host does not offer"),
    ];
    // Dropped in while the server runs.
    let server = Server::builder().demo("hello").start();
    for (name, bytes, reason) in &cases {
        server.put(&format!("handlers/{name}.wasm"), bytes);
        server.log.wait_for_all(&["ERROR", &format!("handler {name}: "), reason]);
        wait_for_answer(&server, &format!("/{name}"), 503, "");
        server.get(&format!("/{name}/below")).expect_error(503);
        server.get("/").expect(200, "Hello, world");
    }
    drop(server);
    // There from the start.
    let mut builder = Server::builder().demo("hello");
    for (name, bytes, _) in &cases {
        builder = builder.file(&format!("handlers/{name}.wasm"), bytes);
    }
    let server = builder.start();
    for (name, _, reason) in &cases {
        server.log.wait_for_all(&["ERROR", &format!("handler {name}: "), reason, "its routes answer 503"]);
        server.get(&format!("/{name}")).expect_error(503);
        assert!(server.get(&format!("/{name}")).header("retry-after").is_some());
    }
    server.get("/").expect(200, "Hello, world");
}

#[test]
fn a_route_that_is_taken_stays_with_its_holder() {
    let server = Server::builder().demo("hello").start();
    server.put("handlers/another.wasm", hello("Hello, again"));
    let line = server.log.wait_for_all(&["ERROR", "handler another: "]);
    assert!(line.contains("GET /") && line.contains("handler hello"), "both are named: {line}");
    server.get("/").expect(200, "Hello, world");
    // Once its holder has gone, it is free.
    fs::remove_file(server.handler_file("hello")).unwrap();
    wait_for_answer(&server, "/", 200, "Hello, again");
}

#[test]
fn at_the_start_the_first_by_name_has_the_route() {
    let server = Server::builder().demo("hello").file("handlers/another.wasm", hello("Hello, again")).start();
    server.get("/").expect(200, "Hello, again");
    server.log.wait_for_all(&["ERROR", "handler hello: ", "handler another"]);
}

#[test]
fn configured_routes_win_over_dropped_in_ones() {
    let server = Server::builder()
        .demo("hello")
        .guest("p2-hello")
        .config("[handlers.p2-hello]\nroutes = [\"GET /\"]")
        .start();
    assert!(server.get("/").text().starts_with("hello from 0.2"));
    server.log.wait_for_all(&["ERROR", "handler hello: ", "handler p2-hello"]);
}

#[test]
fn a_mount_wins_over_a_dropped_in_handler() {
    let server = Server::builder()
        .guest("p2-hello")
        .config("[[static]]\nprefix = \"/p2-hello\"\ndir = \"site\"")
        .file("site/a.txt", "a file")
        .start();
    server.get("/p2-hello/a.txt").expect(200, "a file");
}

#[test]
fn settings_beside_a_component_may_come_and_change() {
    let server = Server::builder().start();
    server.put("handlers/greeter.wasm", fs::read(test_guest("p2-hello")).unwrap());
    wait_for_answer(&server, "/greeter", 200, "");
    server.put("handlers/greeter.toml", "routes = [\"GET /x/{id}\"]");
    wait_for_answer(&server, "/x/1", 200, "");
    server.get("/greeter").expect_error(404);
    server.put("handlers/greeter.toml", "routes = \"nonsense\"");
    server.log.wait_for_all(&["ERROR", "handler greeter: ", "greeter.toml", "nonsense"]);
    assert_eq!(server.get("/x/1").status, 200);
    fs::remove_file(server.dir().join("handlers/greeter.toml")).unwrap();
    wait_for_answer(&server, "/greeter", 200, "");
    server.get("/x/1").expect_error(404);
}

#[test]
fn settings_beside_a_component_give_no_power() {
    let server = Server::builder()
        .guest("p2-hello")
        .file("handlers/p2-hello.toml", "outbound = [\"http://127.0.0.1:1\"]")
        .start();
    server.log.wait_for_all(&["ERROR", "handler p2-hello: ", "p2-hello.toml", "outbound"]);
}

#[test]
fn hidden_and_other_files_are_left_alone() {
    let server = Server::builder().demo("hello").start();
    for name in [".hidden.wasm", "notes.txt", "hello.wasm.part", "hello.wasm~"] {
        server.put(&format!("handlers/{name}"), "not for the server");
    }
    server.put("handlers/hello.wasm", hello("Hello, again"));
    wait_for_answer(&server, "/", 200, "Hello, again");
    assert_eq!(server.log.count("ERROR"), 0);
}

#[test]
fn a_name_that_is_none_is_reported_once() {
    let server = Server::builder().demo("hello").file("handlers/a b.wasm", "").start();
    server.log.wait_for_all(&["ERROR", "a b", "rename"]);
    server.get("/").expect(200, "Hello, world");
}

#[test]
fn a_folder_that_goes_away_takes_nothing_with_it() {
    let server = Server::builder().demo("hello").start();
    fs::rename(server.dir().join("handlers"), server.dir().join("elsewhere")).unwrap();
    server.log.wait_for("cannot read the handlers folder");
    server.get("/").expect(200, "Hello, world");
    fs::rename(server.dir().join("elsewhere"), server.dir().join("handlers")).unwrap();
    server.put("handlers/hello.wasm", hello("Hello, again"));
    wait_for_answer(&server, "/", 200, "Hello, again");
}
