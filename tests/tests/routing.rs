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
fn dot_segments_are_not_resolved() {
    let server = SERVER.get();
    server.raw("GET /x/../ HTTP/1.1\r\nHost: test\r\n\r\n").expect_error(404);
    let reply = server.raw("GET /route/.. HTTP/1.1\r\nHost: test\r\n\r\n");
    reply.expect(200, "/route/{a} a=..");
}
