//! Components that are composed of several: what an inner one does when the outer one's call
//! has ended is its own call's, or nobody's.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;

use patchboard_tests::{Server, ServerBuilder, test_guest, wait_until};
use wasm_compose::composer::ComponentComposer;
use wasm_compose::config::Config;

/// The component `outer` with what `inner` exports in the place of what it imports.
fn plug(outer: &Path, inner: &Path) -> Vec<u8> {
    let config = Config { definitions: vec![inner.to_owned()], ..Config::default() };
    ComponentComposer::new(outer, &config).compose().unwrap()
}

/// Of two components, and of three, with these lines of configuration.
fn builder(lines: &str) -> ServerBuilder {
    let (outer, inner) = (test_guest("composed-outer"), test_guest("composed-inner"));
    let folder = tempfile::tempdir().unwrap();
    let both = folder.path().join("both.wasm");
    fs::write(&both, plug(&test_guest("composed-middle"), &inner)).unwrap();
    let (two, three) = (plug(&outer, &inner), plug(&outer, &both));
    let config = |name: &str| format!("[handlers.{name}]\nroutes = [\"/{name}/{{*path}}\"]\n{lines}\n");
    Server::builder().file("handlers/two.wasm", two).file("handlers/three.wasm", three).config(&format!(
        "{}{}",
        config("two"),
        config("three")
    ))
}

#[test]
fn what_goes_on_after_a_call_is_never_anothers() {
    const CLIENTS: usize = 12;
    const CALLS: usize = 50;
    for lines in ["", "isolation = \"request\""] {
        let server = builder(lines).server("cores = 1").start();
        // Each call's id and path, by what it calls itself.
        let calls: BTreeMap<String, (String, String)> = thread::scope(|scope| {
            let client = |client: usize| {
                let mut connection = server.connect();
                let name = ["two", "three"][client % 2];
                let call = move |call: usize| {
                    let (id, path) = (format!("{client}-{call}"), format!("logs/{client}-{call}"));
                    let reply = connection.get(&format!("/{name}/{path}"));
                    reply.expect(200, &path);
                    (id, (reply.request_id().to_owned(), path))
                };
                scope.spawn(move || (0..CALLS).map(call).collect::<Vec<_>>())
            };
            let clients: Vec<_> = (0..CLIENTS).map(client).collect();
            clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
        });
        server.log.wait_for_count("before=", CLIENTS * CALLS);
        wait_until("much has gone on", || server.log.count("after=") >= CLIENTS * CALLS);
        for line in server.log.lines() {
            let Some((when, id)) = ["before=", "after="].into_iter().find_map(|when| {
                let id = line.split_once(when)?.1.split_once(' ')?.0;
                Some((when, id))
            }) else {
                continue;
            };
            let (request_id, path) = &calls[id];
            let is_own = line.contains(request_id) && line.contains(&format!(" is {path}."));
            let is_nobodys = !line.contains("request_id=") && line.contains(" is nobody.");
            assert!(is_own || when == "after=" && is_nobodys, "{request_id}: {line}");
        }
    }
}

#[test]
fn a_composed_component_has_one_call_at_a_time_in_an_instance() {
    let server = builder("").start();
    for name in ["two", "three"] {
        server.log.wait_for_all(&[&format!("handler=\"{name}\""), "isolation=reuse"]);
    }
    for lines in ["isolation = \"shared\"", "isolation = \"shared\"\ninstances = 1"] {
        let exited = builder(lines).check();
        assert_eq!(exited.code, Some(2), "{}", exited.log);
        let said = "handler two: the component is composed of several";
        assert!(exited.log.contains(said) && exited.log.contains("leave it out"), "{}", exited.log);
    }
    // Alone, none is composed.
    let server = Server::builder().guest("p3-hello").start();
    server.log.wait_for("isolation=shared");
}

#[test]
fn what_goes_on_for_long_lets_no_other_call_in() {
    // What lasts has a minute of work left, and its place is wanted.
    let server = builder("limits = { queue_timeout = \"20s\" }").server("cores = 1\ninstances = 8").start();
    for call in 0..20 {
        let path = format!("lasts/{call}");
        server.get(&format!("/two/{path}")).expect(200, &path);
    }
    server.get("/two/logs/last").expect(200, "logs/last");
    let line = server.log.wait_for("before=last ");
    assert!(line.contains(" is logs/last."), "{line}");
}

#[test]
fn what_ends_an_instance_after_a_call_is_no_other_calls_fault() {
    for (after, said) in
        [("traps", "the call trapped"), ("exits", "called exit(0)"), ("spins", "limits.cpu_timeout")]
    {
        let server = builder("limits = { cpu_timeout = \"200ms\" }").server("cores = 1").start();
        thread::scope(|scope| {
            for client in 0..4 {
                let server = &server;
                scope.spawn(move || {
                    let mut connection = server.connect();
                    for call in 0..10 {
                        // Its own answer has left before, and others begin meanwhile.
                        let path = format!("{after}/{client}-{call}");
                        connection.get(&format!("/two/{path}")).expect(200, &path);
                        let path = format!("logs/{client}-{call}");
                        connection.get(&format!("/two/{path}")).expect(200, &path);
                    }
                });
            }
        });
        let line = server.log.wait_for(said);
        assert!(line.contains("request_id=\"-\""), "{line}");
        // No path is paused for what happened after its answers.
        server.get(&format!("/two/{after}/last")).expect(200, &format!("{after}/last"));
        assert_eq!(server.log.count("keeps trapping"), 0);
    }
}
