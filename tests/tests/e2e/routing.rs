//! Which route a request takes, and what its handler is told of it.
//!
//! The handler is a standard component that answers with the matched route.

use patchboard_tests::{Server, Shared};

static SERVER: Shared = Shared::new(|| {
    Server::builder()
        .demo("hello")
        .guest("p3-hello")
        .config(
            "[handlers.p3-hello]\nroutes = [\
                \"GET /route/{a}\", \"GET /route/{a}/{b}\", \"GET /route/{a}/fixed\", \"GET /route/fixed/{b}\",\
                \"GET /route/{a}/{b}/{*rest}\", \"GET /route/exact\", \"/any/route/{x}\",\
                \"POST /route/{a}\", \"GET /tail/route/{*rest}\"\
            ]",
        )
        .start()
});

#[track_caller]
fn check(path: &str, expected: &str) {
    SERVER.get().get(path).expect(200, expected);
}

#[test]
fn parameters_come_in_order_and_decoded() {
    check("/route/1", "/route/{a} a=1");
    check("/route/1/2", "/route/{a}/{b} a=1 b=2");
    check("/route/%C3%A9/a%20b", "/route/{a}/{b} a=é b=a b");
}

#[test]
fn an_encoded_slash_splits_nothing() {
    check("/route/1%2F2", "/route/{a} a=1/2");
    check("/route/..%2f..", "/route/{a} a=../..");
}

#[test]
fn a_tail_takes_the_rest() {
    check("/route/1/2/3/4", "/route/{a}/{b}/{*rest} a=1 b=2 rest=3/4");
    check("/tail/route/a%2Fb/c", "/tail/route/{*rest} rest=a/b/c");
    check("/tail/route/", "/tail/route/{*rest} rest=");
}

#[test]
fn the_more_specific_segment_wins_from_the_left() {
    check("/route/exact", "/route/exact ");
    check("/route/1/fixed", "/route/{a}/fixed a=1");
    check("/route/fixed/1", "/route/fixed/{b} b=1");
    check("/route/fixed/fixed", "/route/fixed/{b} b=fixed");
}

#[test]
fn a_route_without_a_method_takes_them_all() {
    let server = SERVER.get();
    for method in ["GET", "POST", "DELETE", "PROPFIND", "OPTIONS"] {
        let reply =
            server.raw(&format!("{method} /any/route/1 HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n"));
        reply.expect(200, "/any/route/{x} x=1");
    }
}

#[test]
fn methods_of_one_pattern_are_told_apart() {
    let server = SERVER.get();
    server.post_form("/route/1", "a=b").expect(200, "/route/{a} a=1");
    server.post_form("/route/1/2", "a=b").expect_error(405);
}

#[test]
fn empty_segments_and_trailing_slashes_count() {
    let server = SERVER.get();
    for path in ["/route", "/route/", "//route/1", "/route//1", "/Route/1"] {
        server.raw(&format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")).expect_error(404);
    }
}

#[test]
fn dot_segments_are_refused() {
    let server = SERVER.get();
    for path in ["/x/../", "/route/..", "/route/%2e%2E", "/./route/1", "/../secret"] {
        server.raw(&format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")).expect_error(400);
    }
}

static TYPED: Shared = Shared::new(|| {
    Server::builder()
        .guest("p3-hello")
        .config(
            r#"[handlers.p3-hello]
            routes = [
                "GET /route/{id:int}", "GET /route/{name}", "GET /route/{year:\\d{4}}-{rest}.html",
                "GET {tenant}.example.com/route/host", "GET /route/host", "GET www.example.com/route/host",
                "GET /slash/route/", "GET /route/id/{id:uuid}"
            ]"#,
        )
        .server("slashes = \"redirect\"")
        .start()
});

#[test]
fn types_and_regexes_choose_among_patterns() {
    let server = TYPED.get();
    server.get("/route/42").expect(200, "/route/{id:int} id=42");
    server.get("/route/x42").expect(200, "/route/{name} name=x42");
    let regex = r"/route/{year:\d{4}}-{rest}.html year=2026 rest=a-b";
    server.get("/route/2026-a-b.html").expect(200, regex);
    server.get("/route/20261-a.html").expect(200, "/route/{name} name=20261-a.html");
    server.raw("GET /route/id/7 HTTP/1.1\r\nHost: test\r\n\r\n").expect_error(404);
}

#[test]
fn the_most_specific_host_answers() {
    let server = TYPED.get();
    for (host, expected) in [
        ("a.example.com", "/route/host tenant=a"),
        ("A.Example.Com:8080", "/route/host tenant=a"),
        ("www.example.com", "/route/host "),
        ("example.org", "/route/host "),
    ] {
        server.raw(&format!("GET /route/host HTTP/1.1\r\nHost: {host}\r\n\r\n")).expect(200, expected);
    }
    // What a host does not have is asked of the others.
    server.raw("GET /route/7 HTTP/1.1\r\nHost: a.example.com\r\n\r\n").expect(200, "/route/{id:int} id=7");
}

#[test]
fn slashes_are_redirected_on_request() {
    let server = TYPED.get();
    for (path, location) in [("/slash/route?q=1", "/slash/route/?q=1"), ("//route/42/", "/route/42")] {
        let reply = server.raw(&format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        assert_eq!((reply.status, reply.header("location")), (308, Some(location)), "{path}");
    }
}

#[test]
fn routes_are_listed_and_explained() {
    let builder = || {
        Server::builder()
            .demo("hello")
            .demo("demo1")
            .config("[[static]]\nprefix = \"/css\"\ndir = \"css\"\nname = \"css\"")
            .file("css/a.css", "")
    };
    let table = builder().routes(&[]);
    assert_eq!(table.code, Some(0), "{}", table.log);
    for line in ["POST    /demo1/{name}", "demo1.demo1", "handler hello", "static mount `/css/`"] {
        assert!(table.output.contains(line), "no {line:?} in:\n{}", table.output);
    }
    let json = builder().routes(&["--json"]);
    assert!(json.output.contains(r#""name":"demo1.demo1""#), "{}", json.output);
    let explained = builder().routes(&["explain", "POST", "/demo1/a%20b"]);
    assert!(explained.output.contains("=> POST /demo1/{name}"), "{}", explained.output);
    assert!(explained.output.contains("name = \"a b\""), "{}", explained.output);
}

#[test]
fn attributes_may_have_types_and_regexes() {
    let server = Server::builder().guest("ill").start();
    server.get("/typed/-7/2026").expect(200, "-7 2026");
    for path in ["/typed/x/2026", "/typed/7/26", "/typed/7/20266"] {
        server.raw(&format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")).expect_error(404);
    }
}
