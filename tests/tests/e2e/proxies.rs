//! Behind proxies: who is believed, and what handlers and the log are told.

use patchboard_tests::{Reply, Server, ServerBuilder};

const FROM_PROXY: &[(&str, &str)] = &[
    ("forwarded", "for=6.6.6.6, for=192.0.2.7;proto=https;host=\"shop.example.com:8443\""),
    ("x-request-id", "from-the-proxy-1"),
    ("x-forwarded-port", "1"),
    ("x-real-ip", "6.6.6.6"),
];

fn builder() -> ServerBuilder {
    Server::builder().guest("raw").guest("p2-hello").guest("p3-hello").config(
        "[handlers.p3-hello]\nroutes = [\n\
         { route = \"GET {tenant}.example.com/ask\", name = \"of-tenant\" },\n\
         \"GET /url-for/{*rest}\", \"GET /p3-hello\"]\n",
    )
}

fn trusting() -> Server {
    builder().server("trusted_proxies = [\"127.0.0.0/8\", \"::1\"]").start()
}

fn ask(server: &Server, path: &str) -> Reply {
    server.client().get_with(&server.url(path), FROM_PROXY)
}

#[test]
fn a_trusted_proxy_tells_client_scheme_authority_and_id() {
    let server = trusting();
    let reply = ask(&server, "/raw/request");
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.request_id(), "from-the-proxy-1");
    let text = reply.text();
    assert!(text.starts_with("Scheme::Https shop.example.com:8443 from-the-proxy-1\n"), "{text}");
    for field in
        ["x-forwarded-for: 192.0.2.7", "x-forwarded-proto: https", "x-forwarded-host: shop.example.com:8443"]
    {
        assert!(text.lines().any(|line| line == field), "no {field:?} in {text}");
    }
    assert!(!text.contains("6.6.6.6") && !text.contains("x-forwarded-port"), "{text}");
    let line = server.access_log.wait_for("request_id=from-the-proxy-1 ");
    for part in ["peer=127.0.0.1:", "client=192.0.2.7", "scheme=https", "authority=\"shop.example.com:8443\""]
    {
        assert!(line.contains(part), "no {part:?} in {line}");
    }
}

#[test]
fn standard_components_are_told_the_same() {
    let server = trusting();
    let text = ask(&server, "/p3-hello").text().to_owned();
    assert_eq!(text, "hello from 0.3: GET https://shop.example.com:8443/p3-hello from-the-proxy-1");
    let text = ask(&server, "/p2-hello").text().to_owned();
    assert!(text.contains("shop.example.com:8443") && text.ends_with("from-the-proxy-1"), "{text}");
}

#[test]
fn routes_and_urls_follow_the_authority_that_was_told() {
    let server = trusting();
    assert_eq!(ask(&server, "/ask").status, 200);
    server.get("/ask").expect_error(404);
    let url = ask(&server, "/url-for/of-tenant?tenant=shop");
    url.expect(200, "//shop.example.com:8443/ask");
}

#[test]
fn the_older_fields_do_where_there_is_no_forwarded() {
    let server = trusting();
    let fields = [
        ("x-forwarded-for", "6.6.6.6, 192.0.2.7, 127.0.0.9"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "a.example.com"),
    ];
    let reply = server.client().get_with(&server.url("/raw/request"), &fields);
    assert!(reply.text().starts_with("Scheme::Https a.example.com "), "{}", reply.text());
    assert!(reply.text().contains("x-forwarded-for: 192.0.2.7\n"), "{}", reply.text());
}

#[test]
fn nobody_else_is_believed() {
    // Trusted is another than the one who asks.
    let server = builder().server("trusted_proxies = \"10.0.0.0/8\"").start();
    let reply = ask(&server, "/raw/request");
    assert_ne!(reply.request_id(), "from-the-proxy-1");
    let text = reply.text();
    assert!(
        text.starts_with(&format!("Scheme::Http {} {}\n", server.address(), reply.request_id())),
        "{text}"
    );
    for part in ["forwarded", "from-the-proxy-1", "6.6.6.6", "192.0.2.7"] {
        assert!(!text.contains(part), "{part:?} in {text}");
    }
    let line = server.access_log.wait_for(reply.request_id());
    assert!(!line.contains("client=") && !line.contains("scheme="), "{line}");
    ask(&server, "/ask").expect_error(404);
}

#[test]
fn an_id_that_is_none_is_replaced() {
    let server = trusting();
    for id in ["a b".to_owned(), "<script>".to_owned(), "x".repeat(129)] {
        let reply = server.client().get_with(&server.url("/-/live"), &[("x-request-id", &id)]);
        assert_ne!(reply.request_id(), id);
    }
}

#[test]
fn who_is_trusted_may_change_while_the_server_runs_and_is_checked() {
    let server = builder().start();
    assert_ne!(ask(&server, "/-/live").request_id(), "from-the-proxy-1");
    let text = |proxies: &str| format!("[server]\nhandlers = \"handlers\"\ntrusted_proxies = [{proxies}]\n");
    server.put("patchboard.toml", text("\"127.0.0.1\""));
    server.log.wait_for("configuration reloaded");
    assert_eq!(ask(&server, "/-/live").request_id(), "from-the-proxy-1");
    server.put("patchboard.toml", text("\"127.0.0.1\", \"example.com\""));
    server.log.wait_for_all(&["ERROR", "trusted_proxies", "example.com", "10.0.0.0/8"]);
    assert_eq!(ask(&server, "/-/live").request_id(), "from-the-proxy-1");
}
