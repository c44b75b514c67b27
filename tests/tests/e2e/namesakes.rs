//! Whose route it is: a request reaches the function whose attribute declared its route,
//! also where functions have one name; and routes that are not apart are refused.

use std::fs;

use patchboard_tests::{Server, ServerBuilder, test_guest};

#[test]
fn functions_of_one_name_are_told_apart_in_modules_macros_and_crates() {
    let server = Server::builder().guest("namesakes").start();
    for (path, expected) in [
        ("/articles", "list of public articles"),
        ("/admin/users", "list of admin users"),
        ("/cats", "list of cats"),
        ("/dogs", "list of dogs"),
        ("/inner", "list of inner"),
        ("/of-left", "list of left"),
        ("/of-right", "list of right"),
        ("/crates", "left right"),
    ] {
        server.get(path).expect(200, expected);
    }
    server.get("/admin/users/1").expect_error(405);
}

#[test]
fn patterns_of_the_operators_lead_to_the_same_functions() {
    // Each has another's pattern, or one of its own.
    let server = Server::builder()
        .guest("namesakes")
        .config(
            "[handlers.namesakes]\nroutes = [\n\
             { route = \"GET /admin/users\", name = \"articles\" },\n\
             { route = \"GET /articles\", name = \"users\" },\n\
             { route = \"GET /of-right\", name = \"of-left\" },\n\
             { route = \"GET /elsewhere/{x}\", name = \"of-right\" },\n\
             { route = \"/every\", name = \"dogs\" },\n\
             \"GET /cats\"]\n",
        )
        .start();
    for (path, expected) in [
        ("/admin/users", "list of public articles"),
        ("/articles", "list of admin users"),
        ("/of-right", "list of left"),
        ("/elsewhere/1", "list of right"),
        ("/every", "list of dogs"),
        ("/cats", "list of cats"),
    ] {
        server.get(path).expect(200, expected);
    }
    server.client().post(&server.url("/every"), "text/plain", b"").expect(200, "list of dogs");
    // Not asked for, so not there.
    server.get("/dogs").expect_error(404);
}

#[test]
fn a_route_of_the_operators_that_stands_for_nothing_is_refused() {
    let server = || {
        let route = "[handlers.namesakes]\nroutes = [\"GET /nowhere\"]\n";
        Server::builder().guest("namesakes").config(route)
    };
    for exited in [server().check(), server().start_in_vain()] {
        assert_eq!(exited.code, Some(2), "{}", exited.log);
        for part in ["`GET /nowhere` is none that it declares", "articles", "of-left", "of-right"] {
            assert!(exited.log.contains(part), "no {part:?} in:\n{}", exited.log);
        }
    }
}

/// The handler `namesakes`, which declares `lines` beside its own routes.
fn declaring(lines: &[(&str, &str, &str, u64)]) -> ServerBuilder {
    let lines: Vec<_> = lines
        .iter()
        .map(|(method, pattern, name, id)| {
            format!("{{\"v\":2,\"method\":\"{method}\",\"pattern\":\"{pattern}\",\"name\":\"{name}\",\"id\":{id}}}\n")
        })
        .collect();
    let mut component = fs::read(test_guest("namesakes")).unwrap();
    custom_section(&mut component, "patchboard:routes", lines.concat().as_bytes());
    Server::builder().file("handlers/namesakes.wasm", component)
}

/// Adds a custom section (Core Specification, section 5.5.3).
fn custom_section(component: &mut Vec<u8>, name: &str, content: &[u8]) {
    let number = |mut n: usize| {
        let mut bytes = Vec::new();
        while n >= 0x80 {
            bytes.push((n & 0x7f) as u8 | 0x80);
            n >>= 7;
        }
        bytes.push(n as u8);
        bytes
    };
    let body = [number(name.len()).as_slice(), name.as_bytes(), content].concat();
    component.push(0);
    component.extend(number(body.len()));
    component.extend(body);
}

#[test]
fn what_is_not_apart_is_refused_by_check_and_at_load() {
    for (lines, parts) in [
        // A name at two patterns, also those of functions of one name.
        (&[("GET", "/other", "articles", 1)][..], ["`GET /articles` (articles)", "`GET /other` (articles)"]),
        // A route twice.
        (&[("GET", "/cats", "more-cats", 1)], ["`GET /cats` (cats)", "`GET /cats` (more-cats)"]),
        // Under other names of its parameters.
        (&[("DELETE", "/admin/users/{who}", "x", 1)], ["`DELETE /admin/users/{id}` (remove)", "{who}` (x)"]),
        // An id twice.
        (
            &[("GET", "/one", "one", 7), ("GET", "/two", "two", 7)],
            ["`GET /one`", "`GET /two` with one id (7)"],
        ),
        // What some path would be answered by both for.
        (&[("GET", "/{x:[ab]+}", "one", 1), ("GET", "/{x:[bc]+}", "two", 2)], ["(one)", "(two)"]),
    ] {
        for exited in [declaring(lines).check(), declaring(lines).argument("--strict").start_in_vain()] {
            assert_eq!(exited.code, Some(2), "{lines:?}\n{}", exited.log);
            let line = exited.log.lines().find(|line| parts.iter().all(|part| line.contains(part)));
            assert!(line.is_some(), "no line with {parts:?} in:\n{}", exited.log);
        }
        // Dropped in, it costs its own routes only.
        let server = declaring(lines).demo("hello").start();
        server.log.wait_for_all(&parts);
        server.get("/").expect(200, "Hello, world");
        server.get("/namesakes").expect_error(503);
    }
    // Beside them, these are apart.
    let apart = [
        ("POST", "/cats", "cats", 1),
        ("GET", "/cats/{id:int}", "cat", 2),
        ("GET", "/cats/{name}", "named", 3),
    ];
    declaring(&apart).start().get("/cats").expect(200, "list of cats");
}
