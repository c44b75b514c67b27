//! What wraps all routes of a component of the SDK; and what its panics leave in the log.

use patchboard_tests::{Server, ServerBuilder};

fn builder() -> ServerBuilder {
    Server::builder().server("cores = 1").guest("wrapped")
}

#[test]
fn each_route_is_wrapped_and_has_the_values() {
    let server = builder().start();
    for path in ["/wrapped/plain", "/wrapped/calls/a", "/wrapped/any/a/b"] {
        let reply = server.get(path);
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(reply.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(reply.header("x-seen"), Some(reply.request_id()), "{path}");
    }
    // The calls of an instance share it.
    server.get("/wrapped/calls/b").expect(200, "b 4");
    let reply = server.get("/wrapped/any/secret");
    reply.expect(403, "every is secret");
    assert_eq!((reply.header("x-frame-options"), reply.header("x-seen")), (Some("DENY"), None));
    let reply = server.raw("PROPFIND /wrapped/any/x HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(reply.text(), "PROPFIND");
    // What the host answers itself is not the handler's.
    let reply = server.post_form("/wrapped/plain", "");
    assert_eq!((reply.status, reply.header("x-frame-options")), (405, None));
    let reply = server.get("/wrapped/none");
    assert_eq!(reply.status, 500);
    server.log.wait_for_all(&["ERROR", "there is no state of type u8", "routes.state", reply.request_id()]);
}

#[test]
fn the_routes_and_an_inspection_show_it() {
    let exited = builder().routes(&[]);
    assert_eq!(exited.output.matches("handler wrapped (wrapped by all)").count(), 6, "{}", exited.output);
    let exited = builder().component("twice", &twice()).check();
    for text in ["handler twice: ", "`all` and `other` both wrap all its routes; call one from the other"] {
        assert!(exited.log.contains(text), "{}", exited.log);
    }
}

/// A component whose section names two functions that wrap its routes.
fn twice() -> String {
    let lines = ["all", "other"].map(|name| format!(r#"{{\"v\":2,\"wraps\":\"{name}\"}}\n"#)).concat();
    format!(r#"(component (core module (@custom "patchboard:routes" "{lines}")))"#)
}

#[test]
fn a_signed_cookie_is_the_handlers_own() {
    let key = "k".repeat(64);
    let server =
        builder().config(&format!("[handlers.wrapped]\nconfig = {{ cookie_key = \"{key}\" }}")).start();
    let visit = |cookie: &str| {
        server.raw(&format!("GET /wrapped/visits HTTP/1.1\r\nHost: test\r\nCookie: {cookie}\r\n\r\n"))
    };
    let reply = visit("");
    reply.expect(200, "1");
    let cookie = reply.header("set-cookie").unwrap().to_owned();
    visit(&cookie).expect(200, "2");
    // One that it has not written is none.
    visit(&cookie.replace("=", "=x")).expect(200, "1");
    let reply = builder().start().get("/wrapped/visits").clone();
    reply.expect_error(500);
}

#[test]
fn a_panic_is_an_error_of_its_call() {
    let server = builder().argument("--log=error").start();
    let reply = server.get("/wrapped/panic");
    reply.expect_error(500);
    server.log.wait_for_all(&["ERROR", "panicked at ", "src/lib.rs:", ": of 5 letters", reply.request_id()]);
    server.get("/wrapped/plain").expect(200, "plain");
}
