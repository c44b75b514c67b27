//! What a handler asks of this server: it belongs to the request it answers, and is
//! believed no more than anybody's, whatever address stands for it.

use patchboard_tests::{Server, ServerBuilder, test_guest};

const FORGED: &[(&str, &str)] = &[
    ("send-forwarded", "for=6.6.6.6;proto=https;host=shop.example.com"),
    ("send-x-forwarded-for", "6.6.6.6"),
    ("send-x-forwarded-proto", "https"),
    ("send-x-forwarded-host", "shop.example.com"),
    ("send-x-forwarded-caller", "somebody"),
    ("send-x-real-ip", "6.6.6.6"),
    ("send-x-request-id", "forged"),
];

fn builder() -> ServerBuilder {
    let builder = Server::builder().server("access_log_of = \"all\"");
    builder.guest("asking").guest("raw").guest("p3-hello").config(
        "[handlers.asking]\noutbound = \"http://self\"\n\
         [handlers.p3-hello]\nroutes = [\"GET shop.example.com/only-there\"]\n",
    )
}

#[test]
fn no_handler_is_believed_as_a_proxy() {
    for trusted in ["[\"127.0.0.1\"]", "[\"127.0.0.0/8\", \"::1\"]", "[\"0.0.0.0/0\", \"::/0\"]", "[]"] {
        let server = builder().server(&format!("trusted_proxies = {trusted}")).start();
        let reply = server.client().get_with(&server.url("/asking/raw/request"), FORGED);
        assert_eq!(reply.status, 200, "{trusted} {reply:?}");
        // What the one that was asked has seen.
        let text = reply.text();
        let first = format!("Scheme::Http {} {}", server.address(), reply.request_id());
        assert_eq!(text.lines().next(), Some(&*first), "{trusted} {text}");
        for part in ["6.6.6.6", "shop.example.com", "x-forwarded", "https", "forged", "somebody"] {
            assert!(!text.contains(part), "{trusted}: {part} in {text}");
        }
        // Nor is it let in where the host alone is asked for.
        let reply = server.client().get_with(&server.url("/asking/only-there"), FORGED);
        assert!(reply.text().contains("404"), "{trusted} {reply:?}");
        let line = server.access_log.wait_for_all(&["target=\"/only-there\"", "status=404"]);
        for part in ["client=", "scheme=", "authority=", "somebody"] {
            assert!(!line.contains(part), "{trusted}: {part} in {line}");
        }
    }
}

#[test]
fn its_lines_have_the_request_and_the_handler_it_belongs_to() {
    let server = builder().start();
    // Connections are kept, and used for many.
    let ids: Vec<_> = (0..5).map(|_| server.get("/asking/raw/request").request_id().to_owned()).collect();
    for id in &ids {
        let id = format!("request_id={id} ");
        let line = server.access_log.wait_for_all(&[&id, "target=\"/raw/request\"", "handler=raw"]);
        assert!(line.contains("caller=asking"), "{line}");
        let line = server.access_log.wait_for_all(&[&id, "target=\"/asking/raw/request\""]);
        assert!(!line.contains("caller="), "{line}");
    }
    assert!((1..ids.len()).all(|at| !ids[..at].contains(&ids[at])), "{ids:?}");
}

#[test]
fn it_is_passed_on_from_handler_to_handler() {
    let server = builder().start();
    let reply = server.get("/asking/asking/asking/raw/request");
    let first = format!("Scheme::Http {} {}\n", server.address(), reply.request_id());
    assert!(reply.text().starts_with(&first), "{}", reply.text());
    server.access_log.wait_for_count(&format!("request_id={}", reply.request_id()), 4);
}

#[test]
fn what_proxies_tell_of_a_request_is_not_told_of_what_it_asks() {
    let server = builder().server("trusted_proxies = \"127.0.0.1\"").start();
    let fields = [("x-forwarded-for", "192.0.2.7"), ("x-request-id", "from-the-proxy")];
    let reply = server.client().get_with(&server.url("/asking/raw/request"), &fields);
    assert!(reply.text().contains(" from-the-proxy\n"), "{}", reply.text());
    assert!(!reply.text().contains("192.0.2.7"), "{}", reply.text());
    // Who is outside is no caller.
    let fields = [("x-forwarded-caller", "asking"), ("x-request-id", "another")];
    server.client().get_with(&server.url("/raw/request"), &fields);
    let line = server.access_log.wait_for("request_id=another ");
    assert!(!line.contains("caller="), "{line}");
}

#[test]
fn standard_components_ask_as_others_do() {
    let with_origin = "outbound = \"http://self\"\nenvironment = { ORIGIN = \"http://self\" }\n";
    for isolation in ["shared", "reuse", "request"] {
        let server = Server::builder()
            .server("access_log_of = \"all\"")
            .demo("demo1")
            .file("handlers/demo2.wasm", std::fs::read(test_guest("demo2-wasi-http")).unwrap())
            .config(&format!(
                "[handlers.demo2]\nroutes = [\"POST /demo2\"]\nisolation = \"{isolation}\"\n{with_origin}"
            ))
            .start();
        for _ in 0..3 {
            let reply = server.post_form("/demo2", "");
            reply.expect(200, "welcome");
            let id = format!("request_id={} ", reply.request_id());
            server.access_log.wait_for_all(&[&id, "target=\"/demo1/demo2\"", "caller=demo2"]);
        }
    }
}
