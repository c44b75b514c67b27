//! The contract from other languages than Rust: a component of Python awaits its imports,
//! one of JavaScript in QuickJS reads futures. Both are made of what `patchboard wit` writes.

use std::fs;

use patchboard_tests::{Server, Shared, workspace};

static SERVER: Shared = Shared::new(|| {
    let mut builder = Server::builder().config("[sql.notes]");
    for name in ["py", "js"] {
        let file = workspace().join(format!("target/languages/{name}.wasm"));
        let component = fs::read(&file)
            .unwrap_or_else(|error| panic!("{}: {error}; `cargo xtask languages` makes it", file.display()));
        builder = builder.file(&format!("handlers/{name}.wasm"), component).config(&format!(
            "[handlers.{name}]\nroutes = [\"* /{name}/{{what}}\"]\nsql = \"notes\"\nkey_value = \"default\"\n\
             blob = \"files\"\noutbound = \"http://self\"\nlimits = {{ call_timeout = \"10s\" }}"
        ));
    }
    builder.start()
});

#[track_caller]
fn check(path: &str, expected: &str) {
    SERVER.get().get(path).expect(200, expected);
}

#[test]
fn python_awaits_every_import() {
    check("/py/key-value", "42 42 42");
    check("/py/sql", "1 text seven");
    check("/py/blob", "9 some text");
    check("/py/outbound", "200 there and back http://example.org");
    check("/py/time", "True");
    check("/py/routing", "/py/{what} /py/x");
}

#[test]
fn javascript_reads_every_future() {
    check("/js/key-value", "42 42");
    check("/js/sql", "1 text seven");
    check("/js/blob", "not found");
    check("/js/outbound", "200 there and back");
    check("/js/time", "true");
    check("/js/routing", "/js/{what} /js/x");
}

#[test]
fn both_have_tasks_and_hear_who_leaves() {
    let server = SERVER.get();
    for name in ["py", "js"] {
        let reply = server.get(&format!("/{name}/task"));
        reply.expect(200, "begun");
        server.log.wait_for_all(&["ERROR", "task=\"an example\"", "it is only one", reply.request_id()]);
        let mut leaving = server.connect();
        leaving.send(format!("GET /{name}/leave HTTP/1.1\r\nHost: test\r\n\r\n"));
        // It has begun when what was sent after it is answered.
        server.get(&format!("/{name}/routing"));
        drop(leaving);
        server.log.wait_for_all(&["task=\"leaving\"", &format!("handler={name}"), "client"]);
    }
}
