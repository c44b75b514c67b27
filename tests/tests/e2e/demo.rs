//! The demo, by its own configuration: each handler's answer, and what it shows off.

use std::io::{Cursor, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use patchboard_tests::{Answer, Server, Shared, Upstream};
use sha2::{Digest as _, Sha256};

static DEMO: Shared = Shared::new(|| Server::builder().demo_site().start());

const FORM: &str = "content-type: application/x-www-form-urlencoded";

#[test]
fn hello_says_hello() {
    let server = DEMO.get();
    let reply = server.get("/");
    reply.expect(200, "Hello, world");
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(reply.header("content-length"), Some("12"));
}

#[test]
fn the_page_is_beside_the_handler_of_the_root() {
    let reply = DEMO.get().get("/index.html");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"));
}

#[test]
fn demo1_answers_with_the_name_of_the_path_and_the_key_of_the_form() {
    let reply = DEMO.get().post_form("/demo1/ada", "key=some+value&other=1");
    reply.expect(200, r#"{"name":"ada","key":"some value"}"#);
    assert_eq!(reply.header("content-type"), Some("application/json"));
}

#[test]
fn demo1_gets_its_name_decoded() {
    let server = DEMO.get();
    for (path, name) in [
        ("/demo1/%C3%A9%2Fx", "é/x"),
        ("/demo1/a%20b", "a b"),
        ("/demo1/a+b", "a+b"),
        ("/demo1/%25", "%"),
        ("/demo1/%7Bname%7D", "{name}"),
        ("/demo1/..%2F..", "../.."),
    ] {
        let reply = server.post_form(path, "key=k");
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(reply.json()["name"], name, "{path}");
    }
}

#[test]
fn demo1_starts_when_the_head_has_arrived() {
    let server = DEMO.get();
    let mut connection = server.connect();
    connection.send(format!(
        "POST /demo1/early-bird HTTP/1.1\r\nHost: test\r\n{FORM}\r\nContent-Length: 8\r\n\r\n"
    ));
    server.log.wait_for("the head has arrived, name is \"early-bird\"");
    assert_eq!(server.log.count("key is \"worm\""), 0);
    connection.send("key=worm");
    let reply = connection.reply();
    reply.expect(200, r#"{"name":"early-bird","key":"worm"}"#);
    let known = ["handler=demo1", "route=\"/demo1/{name}\"", reply.request_id()];
    for said in ["the head has arrived, name is \"early-bird\"", "the body has arrived, key is \"worm\""] {
        server.log.wait_for_all(&[&[said], &known[..]].concat());
    }
}

#[test]
fn demo1_takes_a_form_in_pieces() {
    let server = DEMO.get();
    let mut connection = server.connect();
    connection.send(format!(
        "POST /demo1/x HTTP/1.1\r\nHost: test\r\n{FORM}\r\nTransfer-Encoding: chunked\r\n\r\n"
    ));
    for byte in "key=pieces".chars() {
        connection.send(format!("1\r\n{byte}\r\n"));
    }
    connection.send("0\r\n\r\n");
    connection.reply().expect(200, r#"{"name":"x","key":"pieces"}"#);
}

#[test]
fn demo1_refuses_what_is_no_such_form() {
    let server = DEMO.get();
    assert_eq!(server.post_form("/demo1/x", "other=1").status, 422);
    assert_eq!(server.client().post(&server.url("/demo1/x"), "text/plain", b"key=k").status, 415);
}

#[test]
fn demo2_asks_demo1_on_the_same_server() {
    let server = DEMO.get();
    server.post_form("/demo2", "").expect(200, "welcome");
    server.log.wait_for("the body has arrived, key is \"welcome\"");
}

fn demo2(origin: &str) -> Server {
    Server::builder()
        .server("cores = 1")
        .demo("demo2")
        .demo("hello")
        .config(&format!(
            "[handlers.demo2]\noutbound = [\"{origin}\"]\nenvironment = {{ ORIGIN = \"{origin}\" }}"
        ))
        .start()
}

fn answer(status: &'static str, delay: Duration) -> Answer {
    Answer { status, body: "{}", delay }
}

#[test]
fn a_hundred_calls_of_demo2_wait_at_the_same_time_on_one_core() {
    let delay = Duration::from_millis(200);
    let upstream = Upstream::start(answer("200 OK", delay));
    let server = Arc::new(demo2(&upstream.origin()));
    let start = Instant::now();
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let mut connection = server.connect();
            connection.send("POST /demo2 HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n");
            connection
        })
        .collect();
    for mut call in calls {
        call.reply().expect(200, "welcome");
    }
    let elapsed = start.elapsed();
    assert!(upstream.most_at_once() > 50, "{} at once", upstream.most_at_once());
    assert!(elapsed < delay * 100 / 3, "{elapsed:?}");
    let asked = upstream.asked();
    assert_eq!(asked.len(), 100);
    assert_eq!(asked[0].line, "POST /demo1/demo2");
    assert_eq!(asked[0].body, "key=welcome");
}

#[test]
fn demo2_answers_others_while_it_waits() {
    let upstream = Upstream::start(answer("200 OK", Duration::from_secs(1)));
    let server = demo2(&upstream.origin());
    let mut waiting = server.connect();
    waiting.send("POST /demo2 HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n");
    patchboard_tests::wait_until("demo2 has asked", || upstream.open() == 1);
    server.get("/").expect(200, "Hello, world");
    assert_eq!(upstream.open(), 1, "hello had to wait for demo2");
    waiting.reply().expect(200, "welcome");
}

#[test]
fn demo2_fails_with_502_where_its_upstream_does() {
    let upstream = Upstream::start(answer("500 Broken", Duration::ZERO));
    let server = demo2(&upstream.origin());
    assert_eq!(server.post_form("/demo2", "").status, 502);
}

#[test]
fn demo2_without_its_grant_fails_and_the_log_names_the_remedy() {
    let upstream = Upstream::start(answer("200 OK", Duration::ZERO));
    let origin = upstream.origin();
    let server = Server::builder()
        .demo("demo2")
        .config(&format!("[handlers.demo2]\nenvironment = {{ ORIGIN = \"{origin}\" }}"))
        .start();
    assert_eq!(server.post_form("/demo2", "").status, 502);
    server.log.wait_for_all(&["not granted", &format!("outbound = [\"{origin}\"]"), "[handlers.demo2]"]);
    assert_eq!(upstream.asked(), []);
}

#[test]
fn outbound_to_nobody_fails_with_502() {
    // Port 9 is for the discard service, which is nowhere any more.
    let origin = "http://127.0.0.1:9";
    let server = demo2(origin);
    server.post_form("/demo2", "").expect(502, "upstream request failed\n");
    server.log.wait_for_all(&["WARN", "127.0.0.1:9"]);
}

const BOUNDARY: &str = "----patchboard-tests";
const MULTIPART: &str = "multipart/form-data; boundary=----patchboard-tests";

/// A form with one file of `length` bytes, and the file's SHA-256.
fn form(length: u64) -> (impl Read + Send + 'static, u64, String) {
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\na note\r\n\
         --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"big.bin\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    );
    let tail = format!("\r\n--{BOUNDARY}--\r\n");
    let block: Vec<u8> = (0..1 << 16).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut hash = Sha256::new();
    let mut left = length;
    while left > 0 {
        let take = left.min(block.len() as u64);
        hash.update(&block[..take as usize]);
        left -= take;
    }
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let total = head.len() as u64 + length + tail.len() as u64;
    let file = Repeat { block, at: 0 }.take(length);
    (Cursor::new(head).chain(file).chain(Cursor::new(tail)), total, sha256)
}

struct Repeat {
    block: Vec<u8>,
    at: usize,
}

impl Read for Repeat {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = buffer.len().min(self.block.len() - self.at);
        buffer[..length].copy_from_slice(&self.block[self.at..self.at + length]);
        self.at = (self.at + length) % self.block.len();
        Ok(length)
    }
}

#[track_caller]
fn check_upload(length: u64, announced: bool) {
    let server = Server::builder()
        .demo("upload")
        .config("[handlers.upload.limits]\nrequest_body_bytes = \"2GiB\"\ncall_timeout = \"10m\"\ncpu_timeout = \"2m\"")
        .start();
    let (form, total, sha256) = form(length);
    let reply =
        server.client().post_reader(&server.url("/upload"), MULTIPART, form, announced.then_some(total));
    assert_eq!(reply.status, 200, "{reply:?}");
    let expected = serde_json::json!({
        "files": [{"field": "file", "name": "big.bin", "size": length, "sha256": sha256}],
        "fields": {"note": "a note"},
    });
    assert_eq!(reply.json(), expected);
    let peak = server.peak_memory();
    eprintln!("{length} bytes uploaded, peak memory {} MiB", peak >> 20);
    assert!(peak < 150 << 20, "{} MiB", peak >> 20);
}

#[test]
fn upload_hashes_64_mib_in_little_memory() {
    check_upload(64 << 20, true);
}

#[test]
fn upload_takes_chunks() {
    check_upload(3 << 20, false);
}

#[test]
fn upload_hashes_a_gibibyte_where_asked_to() {
    if std::env::var_os("PATCHBOARD_TESTS_LARGE").is_some() {
        check_upload(1 << 30, true);
    }
}

fn small_upload() -> Server {
    Server::builder()
        .demo("upload")
        .demo("hello")
        .config("[handlers.upload.limits]\nrequest_body_bytes = \"1MiB\"")
        .start()
}

#[test]
fn an_upload_over_its_limit_is_refused_by_its_announced_length() {
    let server = small_upload();
    let mut connection = server.connect();
    connection.send(format!(
        "POST /upload HTTP/1.1\r\nHost: test\r\nContent-Type: {MULTIPART}\r\nContent-Length: {}\r\n\r\n",
        (1 << 20) + 1
    ));
    connection.reply().expect_error(413);
}

#[test]
fn an_upload_over_its_limit_is_refused_when_it_proves_so() {
    let server = small_upload();
    let mut connection = server.connect();
    connection.send(format!(
        "POST /upload HTTP/1.1\r\nHost: test\r\nContent-Type: {MULTIPART}\r\nTransfer-Encoding: chunked\r\n\r\n"
    ));
    let chunk = format!("{:x}\r\n{}\r\n", 64 << 10, "x".repeat(64 << 10));
    for _ in 0..17 {
        // The server may have answered and closed already.
        if connection.try_send(&chunk).is_err() {
            break;
        }
    }
    // The text is the handler's own, since it had begun already.
    assert_eq!(connection.reply().status, 413);
    server.get("/").expect(200, "Hello, world");
}

#[test]
fn the_clock_ticks_once_a_second() {
    let server = DEMO.get();
    let mut connection = server.connect();
    let start = Instant::now();
    connection.send("GET /clock HTTP/1.1\r\nHost: test\r\n\r\n");
    let head = connection.head();
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    let mut text = String::new();
    let mut times = Vec::new();
    while times.len() < 3 {
        let chunk = connection.chunk().expect("the clock goes on");
        text.push_str(std::str::from_utf8(&chunk).unwrap());
        while times.len() < text.matches("\n\n").count() {
            times.push(start.elapsed());
        }
    }
    for event in text.split_terminator("\n\n") {
        let time = event.strip_prefix("data: ").expect("an event has data");
        assert!(time.starts_with("20") && time.ends_with('Z') && time.len() == 20, "{event:?}");
    }
    // The ticks keep to their schedule, so one that is late brings the next closer.
    let three = times[2] - times[0];
    assert!(three > Duration::from_millis(1200), "a second passes between two: {times:?}");
    assert!(three < Duration::from_secs(10), "a second passes between two: {times:?}");
}

#[test]
fn who_leaves_the_clock_leaves_the_server_well() {
    let server = Server::builder().demo("clock").demo("hello").start();
    for _ in 0..3 {
        let mut connection = server.connect();
        connection.send("GET /clock HTTP/1.1\r\nHost: test\r\n\r\n");
        connection.head();
        connection.chunk().expect("the first event");
    }
    // The server finds out when it writes the next event.
    server.access_log.wait_for_count("target=\"/clock\" status=200", 3);
    server.get("/").expect(200, "Hello, world");
    assert_eq!(server.log.count("ERROR"), 0, "{:?}", server.log.lines());
}
