//! Handlers in Python, with aiohttp's names: what they have of the server, and what becomes of
//! them when something goes wrong.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use patchboard_tests::{Server, Shared, server_binary, workspace};

static SERVER: Shared = Shared::new(|| {
    Server::builder()
        .file("handlers/features.wasm", component("target/languages/features.wasm"))
        .config(
            "[sql.notes]\n[handlers.features]\ninstances = 1\nsql = \"notes\"\nkey_value = \"default\"\nblob = \"files\"\n\
             config = { currency = \"EUR\" }\noutbound = \"http://self\"\nlimits = { call_timeout = \"20s\" }",
        )
        .start()
});

// A server of its own, since a component of this size takes a while to compile.
static TUTORIAL: Shared = Shared::new(|| {
    Server::builder()
        .file("handlers/tutorial.wasm", component("target/handlers/tutorial.wasm"))
        .config("[handlers.tutorial]\noutbound = \"http://self\"\nenvironment = { ORIGIN = \"http://self\" }")
        .start()
});

fn component(file: &str) -> Vec<u8> {
    fs::read(workspace().join(file))
        .unwrap_or_else(|error| panic!("{file}: {error}; `cargo xtask languages` makes it"))
}

#[track_caller]
fn check(path: &str, expected: &str) {
    SERVER.get().get(path).expect(200, expected);
}

#[test]
fn what_is_granted_is_there() {
    check("/f/key-value", r#"[42, false, ["a", "b", "c"], ["a"], "the bucket is not granted"]"#);
    check("/f/sql", r#"[[{"id": 7, "text": "seven"}], "unique", 1]"#);
    check("/f/blob", r#"[200000, "0101", 200000, ["a/b.txt"], true]"#);
    check("/f/config", r#"["EUR", "default"]"#);
    check("/f/urls", r#"["/f/urls?a=b%20c", "/f/urls"]"#);
}

#[test]
fn other_servers_are_asked_by_a_session() {
    let reply = SERVER.get().get("/f/client");
    assert_eq!(reply.status, 200, "{}", reply.text());
    let found = reply.json();
    assert_eq!(found[0][1]["query"]["q"], "ü");
    assert_eq!((&found[0][1]["own"], &found[0][1]["type"]), (&"1".into(), &"application/json".into()));
    assert_eq!((&found[1], &found[2]), (&200_000.into(), &500_000.into()));
    assert_eq!(found[3], serde_json::json!({"a": "1", "file": "f.txt"}));
    assert_eq!(found[4], serde_json::json!([200, "http://self/f/echo?moved=1", 1]));
    let errors: Vec<_> = (5..9).map(|at| found[at].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(
        errors,
        ["ClientResponseError", "TimeoutError", "ClientConnectorError", "NonHttpUrlClientError"]
    );
}

#[test]
fn a_part_is_read_by_lines() {
    let mut connection = SERVER.get().connect();
    let body = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\ntwo\nthree\r\n--x--\r\n";
    connection.send(format!(
        "POST /f/lines HTTP/1.1\r\nHost: test\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    connection.reply().expect(200, r#"["one\n", "two\nthree", true]"#);
}

#[test]
fn calls_of_an_instance_wake_each_other() {
    let server = SERVER.get();
    let waiting = thread::spawn(|| SERVER.get().get("/f/wait").text().to_owned());
    // Where it has not begun by then, it finds what it waits for.
    thread::sleep(Duration::from_millis(100));
    server.get("/f/set").expect(200, "set");
    assert_eq!(waiting.join().unwrap(), "from another call");
}

#[test]
fn a_client_that_leaves_cancels_its_handler() {
    let server = SERVER.get();
    let mut leaving = server.connect();
    leaving.send("GET /f/long?who=leaver HTTP/1.1\r\nHost: test\r\n\r\n");
    // It has begun when what was sent after it is answered.
    check("/f/late", "(0.0, 0.0, 0)");
    drop(leaving);
    server.log.wait_for_all(&["WARN", "cancelled: leaver", "route=\"/f/long\""]);
    let reply = server.get("/f/cancelled");
    assert!(reply.text().contains("leaver"), "{}", reply.text());
}

#[test]
fn tasks_go_on_after_the_response() {
    let server = SERVER.get();
    let reply = server.get("/f/after");
    reply.expect(200, "begun");
    server.log.wait_for_all(&["INFO", "after the response", reply.request_id()]);
    server.log.wait_for_all(&["ERROR", "task=\"failing\"", "ValueError: on purpose", reply.request_id()]);
}

#[test]
fn an_exception_is_500_with_its_traceback_in_the_log() {
    let server = SERVER.get();
    let reply = server.get("/f/crash");
    reply.expect(500, "500 Internal Server Error\n\nServer got itself in trouble");
    for line in ["INFO printed", "ERROR an error", "File \"server.py\"", "ERROR ValueError: on purpose"] {
        server.log.wait_for_all(&[line, reply.request_id()]);
    }
    let mut cut = server.connect();
    cut.send("GET /f/cut HTTP/1.1\r\nHost: test\r\n\r\n");
    let head = cut.head();
    assert_eq!(head.status, 200);
    let (body, end) = cut.body(&head);
    assert!(end != patchboard_tests::BodyEnd::Complete, "what fails in the middle is cut off: {body:?}");
    server.log.wait_for_all(&["ERROR", "ValueError: in the middle"]);
}

#[test]
fn sleeping_calls_overlap() {
    // Compiled and started, neither of which is what is measured.
    let server = SERVER.get();
    server.get("/f/config");
    let begun = Instant::now();
    let all: Vec<_> = (0..50)
        .map(|_| {
            thread::spawn(|| {
                let mut connection = SERVER.get().connect();
                connection.get("/f/sleep").status
            })
        })
        .collect();
    assert!(all.into_iter().all(|call| call.join().unwrap() == 200));
    // One after the other they would take 50 s.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn sessions_are_kept_in_a_signed_cookie() {
    let server = SERVER.get();
    let first = server.get("/f/session");
    first.expect(200, "1");
    let cookie = first.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let ask = |cookie: &str| {
        let mut connection = server.connect();
        connection.send(format!("GET /f/session HTTP/1.1\r\nHost: test\r\nCookie: {cookie}\r\n\r\n"));
        connection.reply().text().to_owned()
    };
    assert_eq!(ask(&cookie), "2");
    assert_eq!(ask(&cookie.replacen("session=ey", "session=eY", 1)), "1");
}

#[test]
fn the_tutorial_answers() {
    let server = TUTORIAL.get();
    assert_eq!(server.get("/tutorial/").status, 200);
    let form = server.post_form("/tutorial/demo1/Ada", "key=value");
    form.expect(200, r#"{"name": "Ada", "fields": {"key": "value"}}"#);
    server.log.wait_for_all(&["Ada: the head has arrived", form.request_id()]);
    server.log.wait_for_all(&["Ada: the body has arrived", form.request_id()]);
    server.log.wait_for_all(&["a form for Ada has 1 fields", "context=\"tutorial\"", form.request_id()]);
    server
        .post_form("/tutorial/demo2", "key=value")
        .expect(200, r#"{"status": 200, "answer": {"name": "from-demo2", "fields": {"key": "value"}}}"#);
    let page = server.get("/tutorial/");
    assert!(page.text().contains("href=\"/tutorial/css/tutorial.css\""), "{}", page.text());
}

#[test]
fn the_tutorial_begins_when_the_head_has_arrived() {
    let server = TUTORIAL.get();
    let mut slow = server.connect();
    slow.send(
        "POST /tutorial/demo1/slow HTTP/1.1\r\nHost: test\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: 9\r\n\r\nkey=",
    );
    server.log.wait_for_all(&["slow: the head has arrived"]);
    slow.send("later");
    slow.reply().expect(200, r#"{"name": "slow", "fields": {"key": "later"}}"#);
}

/// What `patchboard` says, with the tests' Python, in a folder with these files.
fn patchboard(files: &[(&str, &str)], arguments: &[&str]) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let mut command = Command::new(server_binary());
    command.args(arguments).current_dir(folder.path()).stdin(Stdio::null());
    command.env("PATCHBOARD_PYTHON", workspace().join("target/languages/python/bin/python"));
    let output = command.output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

#[test]
fn a_build_that_fails_says_where_and_what_to_do() {
    for (source, expected) in [
        ("import json\nimport requests", "shop.py:2: `import requests`: it waits with the whole handler"),
        ("import requests", "use aiohttp.ClientSession"),
        (
            "def f():\n    from urllib import request",
            "shop.py:2: `import urllib.request`: it waits with the whole handler",
        ),
        ("import sqlite3", "use patchboard.sql"),
        (
            "import nothing_like_it",
            "shop.py:1: there is no module `nothing_like_it`; write its package into requirements.txt",
        ),
        ("x = (", "shop.py:1: "),
        ("x = 1\n1 / 0", "shop.py:2: ZeroDivisionError: division by zero"),
        ("x = 1", "there is no aiohttp.web.Application; end the file with `web.run_app(app)`"),
        ("from aiohttp import web\nweb.run_app(web.Application())", "has no routes"),
        (
            "import argparse\np = argparse.ArgumentParser()\np.add_argument('port')\np.parse_args()",
            "it is run without arguments, so give each a default",
        ),
        (
            "from aiohttp import web\napp = web.Application()\napp.router.add_get('/{a:.*}/x', print)",
            "the parameter {a:.*} of /{a:.*}/x would match more than its segment",
        ),
        (
            "from aiohttp import web\na = web.Application()\nweb.run_app(a)\nweb.run_app(web.Application())",
            "there are 2 applications",
        ),
    ] {
        let (is_built, text) = patchboard(&[("shop.py", source)], &["build", "shop.py"]);
        assert!(!is_built && text.contains(expected), "{source}\n{text}");
        assert!(!text.contains("backtrace"), "{text}");
    }
}

#[test]
fn a_new_project_has_what_editors_need() {
    let (is_made, text) = patchboard(&[], &["new", "--lang", "python", "shop"]);
    assert!(is_made && text.contains("python/shop"), "{text}");
    let (is_made, text) = patchboard(&[], &["new", "--lang", "python", "--template", "api", "shop"]);
    assert!(!is_made && text.contains("leave out --template"), "{text}");
}
