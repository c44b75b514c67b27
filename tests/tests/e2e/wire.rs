//! A request's way in, byte by byte: targets and authorities, what handlers of all three
//! kinds see of fields and trailers, where redirects lead, and the line a response begins with.

use patchboard_tests::{Reply, Server, ServerBuilder, Shared};

static SERVER: Shared = Shared::new(|| builder().start());

/// Of whom everybody who asks is a proxy.
static TRUSTING: Shared =
    Shared::new(|| builder().server("trusted_proxies = [\"127.0.0.0/8\", \"::1\"]").start());

fn builder() -> ServerBuilder {
    Server::builder().guest("raw").guest("p2-hello").guest("p3-hello").config(
        "[[response]]\nroute = \"/ok\"\nbody = \"ok\"\n\
         [[redirect]]\nroute = \"/files/{*rest}\"\nto = \"https://s.example/ours/{*rest}\"\n\
         [[redirect]]\nroute = \"/file/{name}\"\nto = \"/ours/{name}?name={name}\"\n",
    )
}

/// Tell the request as it came to each of the three kinds.
const TELLING: [&str; 3] = ["/raw/request", "/p2-hello/request", "/p3-hello/request"];

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n")
}

/// What a handler tells of a request with these lines after its request line, and this body.
#[track_caller]
fn told(server: &Server, path: &str, fields: &str, body: &str) -> String {
    let reply = server.raw(&format!("GET {path} HTTP/1.1\r\n{fields}\r\n{body}"));
    assert_eq!(reply.status, 200, "{path}: {reply:?}");
    reply.text().to_ascii_lowercase()
}

#[track_caller]
fn has(text: &str, line: &str) {
    assert!(text.lines().any(|found| found == line), "no {line:?} in {text}");
}

#[track_caller]
fn lacks(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(!text.contains(part), "{part:?} in {text}");
    }
}

#[test]
fn targets_that_can_be_no_uri_are_400() {
    for target in [
        "/ok#frag?q",
        "/ok?q#frag",
        "/caf\u{e9}",
        "/ok?\u{e9}",
        "/a\\b",
        "/a\"b",
        "/ok?\"",
        "/a<b>",
        "/a`b",
        "/{a}",
        "/a\tb",
        "/a b",
        "://x",
        "ftp://test/ok",
        "http:/ok",
        "http:///ok",
        "http://admin.example.com:x@evil.org/ok",
        "http://user@test/ok",
        "http://test:99999/ok",
        "http://test:+80/ok",
        "http://[::1]a/ok",
        "http://[::1/ok",
        "http://test/ok#frag",
    ] {
        SERVER.get().raw(&get(target)).expect_error(400);
    }
}

#[test]
fn what_browsers_send_is_taken() {
    for target in ["/ok?a[]=|^`{}\\'", "/ok?", "http://test/ok", "HTTPS://[::1]:443/ok?x", "http://other:/ok"]
    {
        SERVER.get().raw(&get(target)).expect(200, "ok");
    }
    for target in ["/a|b", "/a^b", "/a[b]", "http://test?x"] {
        SERVER.get().raw(&get(target)).expect_error(404);
    }
}

#[test]
fn a_host_is_held_to_the_same_rule_also_beside_an_absolute_target() {
    for host in [
        "[::1]a",
        "[::1",
        "a:99999",
        "a:+80",
        "user@a",
        ":80",
        "a b",
        "a/b",
        "\u{e9}",
        "a%41",
        "[::1%25eth0]",
    ] {
        for target in ["/ok", "http://test/ok"] {
            let reply = SERVER.get().raw(&format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
            reply.expect_error(400);
        }
    }
    for host in ["a", "a:", "a:80", "[::1]", "[::1]:80", "a_b.example.", ""] {
        SERVER.get().raw(&format!("GET /ok HTTP/1.1\r\nHost: {host}\r\n\r\n")).expect(200, "ok");
    }
}

#[test]
fn an_absolute_target_is_what_handlers_see_too() {
    for path in TELLING {
        let target = format!("http://told.example:81{path}?a");
        let text = told(&SERVER.get(), &target, "Host: other.example\r\n", "");
        let first = text.lines().next().unwrap_or_default();
        assert!(first.contains("told.example:81"), "{text}");
        lacks(&text, &["other.example"]);
    }
}

#[test]
fn what_connection_names_reaches_no_handler() {
    let fields = "Host: test\r\nConnection: close, X-Hop,COOKIE , X-Forwarded-For, Host\r\nX-Hop: gone\r\n\
                  Cookie: gone\r\nKeep-Alive: gone\r\nTE: gone\r\nProxy-Connection: gone\r\n\
                  HTTP2-Settings: gone\r\nProxy-Authorization: gone\r\nUpgrade: gone\r\nX-Kept: yes\r\n";
    for path in TELLING {
        let text = told(&SERVER.get(), path, fields, "");
        has(&text, "x-kept: yes");
        lacks(&text, &["gone", "connection:"]);
    }
}

#[test]
fn what_the_host_writes_is_not_lost_where_connection_names_it() {
    let fields = "Host: test\r\nConnection: X-Forwarded-For, X-Forwarded-Proto, X-Request-Id, Forwarded\r\n\
                  X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Request-Id: from-a-proxy\r\n";
    for path in TELLING {
        let text = told(&TRUSTING.get(), path, fields, "");
        has(&text, "x-forwarded-for: 192.0.2.7");
        has(&text, "x-forwarded-proto: https");
        assert!(text.contains("from-a-proxy"), "{path}: {text}");
    }
}

#[test]
fn names_that_read_as_the_hosts_own_reach_no_handler() {
    let aliases = "X_Forwarded_For: 6.6.6.6\r\nX-Forwarded_Proto: 6.6.6.6\r\nx_forwarded-host: 6.6.6.6\r\n\
                   X.Forwarded.For: 6.6.6.6\r\nX_Forwarded_Port: 6.6.6.6\r\nX_Real_IP: 6.6.6.6\r\n\
                   X_Request_Id: 6.6.6.6\r\nX-Forwarded: 6.6.6.6\r\nContent_Length: 6.6.6.6\r\n\
                   Transfer_Encoding: 6.6.6.6\r\nX_Other: kept\r\n";
    let own = "Forwarded: for=6.6.6.6\r\nX-Forwarded-For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n\
               X-Request-Id: 6.6.6.6\r\n";
    for path in TELLING {
        let text = told(&SERVER.get(), path, &format!("Host: test\r\n{aliases}{own}"), "");
        has(&text, "x_other: kept");
        lacks(&text, &["6.6.6.6"]);
        // Of a trusted proxy only the true spelling counts.
        let fields = format!("Host: test\r\n{aliases}X-Forwarded-For: 192.0.2.7\r\n");
        let text = told(&TRUSTING.get(), path, &fields, "");
        has(&text, "x-forwarded-for: 192.0.2.7");
        lacks(&text, &["6.6.6.6"]);
    }
}

#[test]
fn trailers_arrive_also_after_small_and_empty_bodies_but_not_all() {
    let fields = "Host: test\r\nTransfer-Encoding: chunked\r\n";
    let bad = "Content-Length: gone\r\nAuthorization: gone\r\nX-Forwarded-For: gone\r\nX_Forwarded_For: gone\r\n\
               Cookie: gone\r\nHost: gone\r\nTransfer-Encoding: gone\r\nContent-Type: gone\r\nIf-Match: gone\r\n\
               Trailer: gone\r\nTE: gone\r\nX-Request-Id: gone\r\nConnection: gone\r\nRange: gone\r\n";
    let large = format!("186a0\r\n{}\r\n", "x".repeat(100_000));
    for (content, length) in [("", 0), ("5\r\nhello\r\n", 5), (large.as_str(), 100_000)] {
        for path in TELLING {
            let body = format!("{content}0\r\nChecksum: abc\r\n{bad}X-Last: 1\r\n\r\n");
            let text = told(&SERVER.get(), path, fields, &body);
            has(&text, &format!("{length} bytes"));
            has(&text, "trailer checksum: abc");
            has(&text, "trailer x-last: 1");
            lacks(&text, &["gone"]);
            // What the head names as the connection's is so here, too.
            let named = format!("{fields}Connection: keep-alive, X-Hop,,X-Last\r\n");
            let body = format!("{content}0\r\nX-Hop: gone\r\nChecksum: abc\r\nX-Last: gone\r\n\r\n");
            let text = told(&SERVER.get(), path, &named, &body);
            has(&text, "trailer checksum: abc");
            lacks(&text, &["gone"]);
            // Where none may stay, there are none.
            let text = told(&SERVER.get(), path, fields, &format!("{content}0\r\n{bad}\r\n"));
            lacks(&text, &["gone", "trailer "]);
        }
    }
}

#[test]
fn trailers_arrive_where_they_come_late() {
    for path in TELLING {
        let mut connection = SERVER.get().connect();
        connection.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"));
        // What was sent before has arrived when another request is answered.
        SERVER.get().get("/ok").expect(200, "ok");
        connection.send("0\r\nChecksum: abc\r\nAuthorization: gone\r\n\r\n");
        let text = connection.reply().text().to_ascii_lowercase();
        has(&text, "trailer checksum: abc");
        lacks(&text, &["gone"]);
    }
}

#[test]
fn chunk_extensions_are_held_to_their_grammar() {
    let ask = |extension: &str| -> Reply {
        SERVER.get().raw(&format!(
            "POST /p2-hello/echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n\
             5{extension}\r\nhello\r\n0\r\n\r\n"
        ))
    };
    for extension in [";a", ";a=b", " ; a = \"b;\\\"\" ;c", ";a=\"\""] {
        ask(extension).expect(200, "hello");
    }
    for extension in [";", ";bad[=x", ";a=", ";a=\"b", ";a ", ";a=b c", ";=b", ";;a"] {
        let mut connection = SERVER.get().connect();
        connection.send(format!(
            "POST /ok HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5{extension}\r\nhello\r\n\
             0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n"
        ));
        let rest = String::from_utf8_lossy(&connection.rest()).into_owned();
        assert!(rest.matches("HTTP/1.1 ").count() <= 1, "{extension:?}: {rest}");
    }
}

#[test]
fn a_redirect_leads_nowhere_above_the_path_that_was_written() {
    let server = SERVER.get();
    for target in [
        "/files/..%2ftheirs%2fx",
        "/files/a%2f..%2f..%2fx",
        "/files/..%5ctheirs",
        "/files/%2e%2e%2fx",
        "/files/..;/x",
        "/files/.%2fx",
        "/file/..%2fx",
        "/file/..%5Cx",
        "/file/%2e%2e;a",
        "/files/../x",
    ] {
        server.raw(&get(target)).expect_error(400);
    }
    for (target, location) in [
        ("/files/a/b%20c?d", "https://s.example/ours/a/b%20c?d"),
        ("/files/..a//b..", "https://s.example/ours/..a//b.."),
        ("/files/%2f%2fevil.example", "https://s.example/ours///evil.example"),
        ("/files/a%0d%0aSet-Cookie:x", "https://s.example/ours/a%0D%0ASet-Cookie:x"),
        ("/file/a%2fb", "/ours/a%2Fb?name=a/b"),
        ("/file/%252e%252e", "/ours/%252e%252e?name=%252e%252e"),
    ] {
        let reply = server.raw(&get(target));
        assert_eq!((reply.status, reply.header("location")), (308, Some(location)), "{target}");
    }
}

#[test]
fn a_status_without_a_name_has_an_empty_reason() {
    let codes = 200..600;
    let routes = |code: u16| format!("[[response]]\nroute = \"/{code}\"\nstatus = {code}\n");
    let server = Server::builder().config(&codes.clone().map(routes).collect::<String>()).start();
    let reason = |code: u16| {
        let mut connection = server.connect();
        connection.send(format!("GET /{code} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"));
        let reply = String::from_utf8_lossy(&connection.rest()).into_owned();
        let line = reply.strip_prefix(&format!("HTTP/1.1 {code} ")).expect("a status line");
        line.split_once("\r\n").map(|(reason, _)| reason.to_owned()).expect("a line")
    };
    assert_eq!((reason(299), reason(404)), (String::new(), "Not Found".to_owned()));
    let reasons: Vec<_> = codes.map(reason).collect();
    assert!(
        reasons
            .iter()
            .flat_map(|reason| reason.chars())
            .all(|c| c.is_ascii_alphabetic() || " -'".contains(c)),
        "{reasons:?}"
    );
    assert!(reasons.iter().filter(|reason| reason.is_empty()).count() > 300, "{reasons:?}");
}

#[test]
fn a_request_without_a_host_has_a_scheme() {
    for path in TELLING {
        for request in [
            format!("GET {path} HTTP/1.0\r\n\r\n"),
            format!("GET {path} HTTP/1.0\r\nHost:\r\n\r\n"),
            format!("GET {path} HTTP/1.1\r\nHost: \r\nConnection: close\r\n\r\n"),
        ] {
            let mut connection = SERVER.get().connect();
            connection.send(&request);
            let reply = String::from_utf8_lossy(&connection.rest()).to_ascii_lowercase();
            assert!(reply.contains(" 200 ok\r\n"), "{request:?}: {reply}");
            let head = reply.split_once("\r\n\r\n").map_or("", |(_, body)| body);
            let first = head.lines().next().unwrap_or_default();
            assert!(first.contains("http") && !first.contains("https"), "{request:?}: {first}");
            // An address that names no other server, where the guest is to make a URI of it.
            assert!(path.starts_with("/raw") || first.ends_with(" localhost"), "{request:?}: {first}");
        }
        let text = told(&TRUSTING.get(), path, "Host:\r\nX-Forwarded-Proto: https\r\n", "");
        assert!(text.lines().next().unwrap_or_default().contains("https"), "{text}");
    }
}
