//! One application of aiohttp's names, run by aiohttp and as a handler, asked the same.
//!
//! Where they differ, `tests/aiohttp/application.json` says in what, and why. A difference
//! that is not listed fails, and so does one that is listed and is none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use patchboard_tests::{Connection, PythonServer, Server, aiohttp_file, workspace};
use serde::Deserialize;

/// Compared as they are.
const FIELDS: [&str; 14] = [
    "allow",
    "content-type",
    "etag",
    "last-modified",
    "location",
    "www-authenticate",
    "x-a",
    "x-b",
    "x-inner",
    "x-kind",
    "x-method",
    "x-outer",
    "x-prepared",
    "x-why",
];
/// The bodies that each route which takes one is sent, with the type of each.
const BODIES: [(&str, &str, &str); 13] = [
    ("form", "application/x-www-form-urlencoded", "a=1&b=%C3%BC+x&a=2&c="),
    ("form in latin-1", "application/x-www-form-urlencoded; charset=latin-1", "a=%FC"),
    ("an empty form", "application/x-www-form-urlencoded", ""),
    (
        "parts",
        "multipart/form-data; boundary=xYz",
        "--xYz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n--xYz\r\nContent-Disposition: form-data; \
         name=\"f\"; filename=\"f.bin\"\r\nContent-Type: application/x-thing\r\n\r\nab\r\n--xY\r\n\r\n--xYz\r\nContent-Disposition: \
         form-data; name=\"e\"\r\n\r\n\r\n--xYz--\r\n",
    ),
    (
        "parts with text and no file's name",
        "multipart/form-data; boundary=\"a b\"",
        "preamble\r\n--a b\r\nContent-Disposition: form-data; name=t\r\nContent-Type: text/plain; charset=latin-1\r\n\r\nx\r\n--a \
         b\r\nContent-Disposition: form-data; name=\"o\"\r\nContent-Type: application/octet-stream\r\n\r\nraw\r\n--a b--epilogue",
    ),
    (
        "parts that break off",
        "multipart/form-data; boundary=x",
        "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nhalf",
    ),
    ("no boundary", "multipart/form-data", "--x\r\n\r\n--x--"),
    ("json", "application/json", "{\"a\": [1, \"\\u00fc\", null]}"),
    ("json of another type", "text/plain", "[1]"),
    ("no json", "application/json", "{"),
    ("lines", "text/plain; charset=utf-8", "one\ntwo\r\n\nfour ü"),
    ("a charset that is none", "text/plain; charset=nonsense", "abcdef"),
    ("nothing", "", ""),
];
/// The routes that take one.
const TAKING: [&str; 10] = [
    "/form",
    "/parts",
    "/json",
    "/text",
    "/echo",
    "/size",
    "/lines",
    "/exactly",
    "/unread",
    "/sub/deeper/form",
];
/// Paths of GET and HEAD.
const PATHS: &[&str] = &[
    "/text",
    "/bytes",
    "/empty",
    "/html",
    "/charset",
    "/json",
    "/dumps",
    "/status/200",
    "/status/202",
    "/status/204",
    "/status/304",
    "/status/404",
    "/status/418",
    "/status/503",
    "/status/599",
    "/status/9",
    "/raise-with",
    "/not-allowed",
    "/crash",
    "/nothing",
    "/wrong",
    "/query",
    "/query?a=1&b=2&a=3",
    "/query?a=%C3%BC+x&b",
    "/query?a=1;b=2",
    "/query?=x&&a==",
    "/url",
    "/url?x=%26&y=a+b",
    "/url?%C3%BC=%zz",
    "/headers",
    "/many",
    "/cookies",
    "/set-cookies",
    "/auth",
    "/dates",
    "/range",
    "/items/12",
    "/items/012",
    "/items/x",
    "/items/",
    "/a-b.txt",
    "/a-b-c.txt",
    "/a.txt",
    "/tail/",
    "/tail/a",
    "/tail/a/b%20c",
    "/tail/%C3%BC",
    "/tail",
    "/stream",
    "/stream-length",
    "/large",
    "/sleep",
    "/gather",
    "/timeouts",
    "/queue",
    "/executor",
    "/started",
    "/kept",
    "/names",
    "/urls",
    "/view",
    "/view?a=1",
    "/sub/below/1",
    "/sub/below/a%20b",
    "/sub/below",
    "/sub",
    "/sub/deeper/form",
    "/nowhere",
    "/nowhere?soften=1",
    "/text?stop=outer",
    "/text/",
    "//text",
    "/TEXT",
    "/raise/HTTPNotFound?soften=1",
    "/echo",
];
/// Exceptions that are raised.
const RAISED: [&str; 24] = [
    "HTTPOk",
    "HTTPCreated",
    "HTTPAccepted",
    "HTTPNoContent",
    "HTTPResetContent",
    "HTTPNotModified",
    "HTTPBadRequest",
    "HTTPUnauthorized",
    "HTTPPaymentRequired",
    "HTTPForbidden",
    "HTTPNotFound",
    "HTTPNotAcceptable",
    "HTTPRequestTimeout",
    "HTTPConflict",
    "HTTPGone",
    "HTTPPreconditionFailed",
    "HTTPUnsupportedMediaType",
    "HTTPUnprocessableEntity",
    "HTTPTooManyRequests",
    "HTTPInternalServerError",
    "HTTPNotImplemented",
    "HTTPBadGateway",
    "HTTPServiceUnavailable",
    "HTTPGatewayTimeout",
];
/// Exceptions that lead elsewhere.
const MOVES: [&str; 6] = [
    "HTTPMovedPermanently",
    "HTTPFound",
    "HTTPSeeOther",
    "HTTPTemporaryRedirect",
    "HTTPPermanentRedirect",
    "HTTPMultipleChoices",
];
/// Fields of requests, each to a path that looks at it.
const WITH_FIELDS: [(&str, &str); 21] = [
    ("/headers", "X-One: a\r\nX-Many: b\r\nx-many: c"),
    ("/headers", "X-One:   spaces  "),
    ("/headers", "Content-Type: Text/HTML; Charset=UTF-8"),
    ("/headers", "Content-Type: text/plain; charset=\"latin-1\"; x=y"),
    ("/headers", "X-One: gr\u{fc}\u{df}e"),
    ("/cookies", "Cookie: a=1; b=\"x y\"; c=%20"),
    ("/cookies", "Cookie: a=1; a=2"),
    ("/cookies", "Cookie: ; a=1;; b"),
    ("/cookies", "Cookie: a=1\r\nCookie: b=2"),
    ("/auth", "Authorization: Basic QWRhOnB3"),
    ("/auth", "Authorization: Basic nonsense"),
    ("/auth", "Authorization: Bearer x"),
    ("/dates", "If-Modified-Since: Thu, 02 Jan 2020 03:04:05 GMT"),
    ("/dates", "If-Modified-Since: yesterday"),
    ("/range", "Range: bytes=1-5"),
    ("/range", "Range: bytes=5-"),
    ("/range", "Range: bytes=-5"),
    ("/range", "Range: bytes=5-1"),
    ("/range", "Range: items=1-2"),
    ("/crash", "Accept: text/html"),
    ("/url", "Host: example.org:81"),
];

/// What is known to differ.
#[derive(Deserialize)]
struct Listed {
    reasons: BTreeMap<String, String>,
    /// By request: the reason.
    differs: BTreeMap<String, String>,
}

/// A request, as it is named and as it is sent.
struct Request {
    name: String,
    bytes: Vec<u8>,
}

fn request(method: &str, path: &str, what: &str, fields: &str, body: &[u8]) -> Request {
    let name = format!("{method} {path}{}{what}", if what.is_empty() { "" } else { " | " });
    let host = if fields.contains("Host: ") { "" } else { "Host: test\r\n" };
    let fields = if fields.is_empty() { String::new() } else { format!("{fields}\r\n") };
    let mut bytes =
        format!("{method} {path} HTTP/1.1\r\n{host}Connection: close\r\n{fields}\r\n").into_bytes();
    bytes.extend(body);
    Request { name, bytes }
}

fn with_body(method: &str, path: &str, what: &str, kind: &str, body: &[u8]) -> Request {
    let kind = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
    request(method, path, what, &format!("{kind}Content-Length: {}", body.len()), body)
}

fn chunked(path: &str, kind: &str, pieces: &[&[u8]]) -> Request {
    let mut body = Vec::new();
    for piece in pieces {
        body.extend(format!("{:x}\r\n", piece.len()).into_bytes());
        body.extend(*piece);
        body.extend(b"\r\n");
    }
    body.extend(b"0\r\n\r\n");
    request("POST", path, "chunked", &format!("Content-Type: {kind}\r\nTransfer-Encoding: chunked"), &body)
}

fn requests() -> Vec<Request> {
    let mut all = Vec::new();
    for path in PATHS {
        all.extend(["GET", "HEAD"].map(|method| request(method, path, "", "", b"")));
    }
    all.extend(RAISED.iter().map(|name| request("GET", &format!("/raise/{name}"), "", "", b"")));
    all.extend(MOVES.iter().map(|name| request("GET", &format!("/move/{name}"), "", "", b"")));
    all.extend(
        WITH_FIELDS
            .iter()
            .map(|(path, fields)| request("GET", path, &fields.replace("\r\n", ", "), fields, b"")),
    );
    for path in TAKING {
        for (what, kind, body) in BODIES {
            all.push(with_body("POST", path, what, kind, body.as_bytes()));
        }
        all.push(chunked(path, "text/plain", &[b"some", b" text\n", b"in pieces"]));
    }
    for method in ["PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
        all.extend(
            ["/echo", "/text", "/view", "/json"]
                .map(|path| with_body(method, path, "lines", "text/plain", b"one\ntwo")),
        );
    }
    all.push(with_body("POST", "/view", "text", "text/plain", b"posted"));
    let large = vec![b'x'; 150_000];
    let larger = vec![b'x'; 300_000];
    for path in ["/echo", "/size", "/text", "/unread"] {
        all.push(with_body("POST", path, "150,000 bytes", "text/plain", &large));
        all.push(with_body("POST", path, "300,000 bytes", "text/plain", &larger));
    }
    all
}

/// What is compared of an answer, an aspect a line.
fn answer(mut connection: Connection, request: &Request) -> String {
    // A server may answer before it has read all of a body, and close.
    connection.try_send(&request.bytes).ok();
    let reply = match request.name.starts_with("HEAD ") {
        true => connection.head(),
        false => connection.reply(),
    };
    let mut text = format!("status {}\n", reply.status);
    for name in FIELDS {
        let values: Vec<_> =
            reply.headers.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name)).collect();
        text.extend(values.iter().map(|(_, value)| format!("{name}: {value}\n")));
    }
    let mut cookies: Vec<_> =
        reply.headers.iter().filter(|(field, _)| field.eq_ignore_ascii_case("set-cookie")).collect();
    cookies.sort();
    text.extend(cookies.iter().map(|(_, value)| format!("set-cookie: {value}\n")));
    text + &String::from_utf8_lossy(&reply.body)
}

#[test]
fn an_application_answers_as_it_does_with_aiohttp_but_for_listed_reasons() {
    let listed: Listed =
        serde_json::from_slice(&fs::read(aiohttp_file("application.json")).unwrap()).unwrap();
    let file = workspace().join("target/languages/application.wasm");
    let component = fs::read(&file)
        .unwrap_or_else(|error| panic!("{}: {error}; `cargo xtask languages` makes it", file.display()));
    let aiohttp = PythonServer::start("application_server.py", &[]);
    let server = Server::builder()
        .file("handlers/application.wasm", component)
        .config("[handlers.application.limits]\ncall_timeout = \"20s\"")
        .start();
    let (mut wrong, mut used, mut differing) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    let all = requests();
    for request in &all {
        let (mut theirs, mut ours) = (answer(aiohttp.connect(), request), answer(server.connect(), request));
        if ours.contains("\nrequest id: ")
            || (["status 404", "status 405"].iter().any(|status| ours.starts_with(status))
                && request.name.starts_with("HEAD "))
        {
            // An error of the server's own, before any handler: of these the status is compared.
            [&mut theirs, &mut ours].into_iter().for_each(|answer| answer.truncate("status 000".len()));
        }
        let reason = listed.differs.get(&request.name);
        match (theirs == ours, reason) {
            (true, Some(_)) => wrong.push(format!("{}: is listed, and is no difference", request.name)),
            (false, None) => {
                wrong.push(format!("{}\n  aiohttp: {theirs:?}\n  ours:    {ours:?}", request.name))
            }
            (false, Some(reason)) => {
                used.insert(reason.clone());
                differing.insert(&request.name);
            }
            (true, None) => {}
        }
    }
    assert!(wrong.is_empty(), "{} differ otherwise than listed:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(used, listed.reasons.keys().cloned().collect(), "the reasons are those that are needed");
    let page = fs::read_to_string(workspace().join("docs/python.md")).unwrap();
    for (name, reason) in &listed.reasons {
        assert!(page.contains(&format!("| {name} | {reason} |")), "docs/python.md says of {name}: {reason}");
    }
    let unknown: Vec<_> = listed.differs.keys().filter(|name| !differing.contains(name)).collect();
    assert!(unknown.is_empty(), "no such requests: {unknown:?}");
    println!(
        "{} requests: {} alike, {} different; {} reasons",
        all.len(),
        all.len() - differing.len(),
        differing.len(),
        used.len()
    );
}
