//! URLs by name, as guests ask for them, and the answers that the host makes itself.

use patchboard_tests::{Server, Shared};

static SERVER: Shared = Shared::new(|| {
    Server::builder()
        .demo("demo1")
        .guest("urls")
        .guest("p3-hello")
        .file("css/a b.css", "one")
        .config(
            r##"
            [handlers.p3-hello]
            routes = [
                { route = "GET {tenant}.example.com/route/{id:int}", name = "of-tenant" },
                "GET /ask/{*rest}"
            ]

            [[static]]
            prefix = "/css"
            dir = "css"
            name = "css"

            [[redirect]]
            route = "GET /old/{id:int}"
            to = "/items/{id}"
            name = "old"

            [[redirect]]
            route = "/away/{*rest}"
            to = "https://example.org/{*rest}"
            status = 303

            [[redirect]]
            route = "/css"
            to = "/css/a%20b.css"

            [[response]]
            route = "/robots.txt"
            body = "User-agent: *\n"
            headers = { cache-control = "max-age=60" }

            [[response]]
            route = "GET /gone/{*rest}"
            status = 410
            "##,
        )
        .start()
});

#[track_caller]
fn url(question: &str, expected: &str) {
    SERVER.get().get(question).expect(200, expected);
}

#[test]
fn a_url_leads_to_its_route() {
    url("/url-for/item?id=-7&.q=a%26b&.r=%C3%A9", "/items/-7?q=a%26b&r=%C3%A9");
    url("/url-for/urls.item?id=7", "/items/7");
    url("/url-for/demo1.demo1?name=a%2Fb%20c", "/demo1/a%2Fb%20c");
    url("/url-for/old?id=7", "/old/7");
    url("/url-for/css?path=x/y%20z.css", "/css/x/y%20z.css");
    let server = SERVER.get();
    for (question, body) in [
        ("/url-for/post?year=2026&title=a%2Fb%20%3F%25", "2026 a/b ?%"),
        ("/url-for/files?rest=a/b%20c/%3Fd", "a/b c/?d"),
    ] {
        let url = server.get(question);
        server.get(url.text()).expect(200, body);
    }
}

#[test]
fn the_url_of_a_host_has_the_port_of_the_request() {
    let server = SERVER.get();
    let target = "/url-for/p3-hello.of-tenant?tenant=a&id=7";
    for (host, expected) in
        [("example.com:8080", "//a.example.com:8080/route/7"), ("example.com", "//a.example.com/route/7")]
    {
        server.raw(&format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")).expect(200, expected);
    }
}

#[test]
fn wrong_parameters_are_refused() {
    url("/url-for/none", "error: nothing is named `none`");
    url("/url-for/item", "error: the parameter `id` is missing");
    url("/url-for/item?id=1&x=2", "error: there is no parameter `x`, or it is given twice");
    url("/url-for/item?id=x", "error: `id` cannot be `x`: the route does not match it there");
    url(
        "/url-for/files?rest=a/../b",
        "error: `rest` cannot be `a/../b`: it holds a NUL, or a `.` or `..` segment, which are refused",
    );
}

#[test]
fn a_standard_component_asks_for_urls_too() {
    url("/ask/url-for/old?id=7", "/old/7");
    url("/ask/url-for/none?id=7", "unknown-name none");
}

#[test]
fn a_static_url_has_the_version_of_the_file() {
    let server = SERVER.get();
    let asked = server.get("/static-url/css/a%20b.css");
    let version = asked.text().strip_prefix("/css/a%20b.css?v=").unwrap_or_else(|| panic!("{asked:?}"));
    assert_eq!(version.len(), 16, "{version}");
    let reply = server.get(asked.text());
    reply.expect(200, "one");
    assert_eq!(reply.header("cache-control"), Some("public, max-age=31536000, immutable"));
    url("/static-url/css/none.css", "/css/none.css");
    url("/static-url/none/x", "error: nothing is named `none`");
}

#[test]
fn redirects_keep_parameters_and_query() {
    let server = SERVER.get();
    for (request, status, location) in [
        ("GET /old/7?x=1", 308, "/items/7?x=1"),
        ("POST /away/a/b%20c", 303, "https://example.org/a/b%20c"),
        ("GET /away///evil.example", 303, "https://example.org///evil.example"),
        ("GET /css", 308, "/css/a%20b.css"),
    ] {
        let reply = server.raw(&format!("{request} HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n"));
        assert_eq!((reply.status, reply.header("location")), (status, Some(location)), "{request}");
    }
    server.raw("POST /old/7 HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n").expect_error(405);
    server.raw("GET /old/x HTTP/1.1\r\nHost: test\r\n\r\n").expect_error(404);
}

#[test]
fn fixed_responses_are_what_was_written() {
    let server = SERVER.get();
    let reply = server.get("/robots.txt");
    reply.expect(200, "User-agent: *\n");
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(reply.header("cache-control"), Some("max-age=60"));
    assert_eq!(reply.header("content-length"), Some("14"));
    let head = server.client().head(&server.url("/robots.txt"));
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, Some("14"), 0));
    // An error without a body of its own has the server's.
    server.raw("GET /gone/x HTTP/1.1\r\nHost: test\r\n\r\n").expect_error(410);
}

#[test]
fn they_are_in_the_table() {
    let builder = || {
        Server::builder()
            .demo("hello")
            .config("[[redirect]]\nroute = \"GET /a/{x}\"\nto = \"/b/{x}\"\nname = \"a\"\n[[response]]\nroute = \"/c\"\nstatus = 410")
    };
    let table = builder().routes(&[]);
    for line in ["GET     /a/{x}", "a            redirect 308 to `/b/{x}`", "fixed response 410"] {
        assert!(table.output.contains(line), "no {line:?} in:\n{}", table.output);
    }
}
