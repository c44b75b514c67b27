//! Request bodies that break off, are malformed, too long or too slow: whatever reads them,
//! the client is told that it is its doing.

use patchboard_tests::{Connection, Server, ServerBuilder};

/// What reads a body, and the media type it wants.
const READERS: [(&str, &str); 8] = [
    ("/string", "text/plain"),
    ("/bytes", "application/octet-stream"),
    ("/form", "application/x-www-form-urlencoded"),
    ("/json", "application/json"),
    ("/multipart", "multipart/form-data; boundary=b"),
    ("/by-hand", "multipart/form-data; boundary=b"),
    ("/stream", "text/plain"),
    ("/panic", "text/plain"),
];

/// The beginning of a form; for others it is any text.
const PART: &str = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\nsome bytes";

fn builder(limits: &str) -> ServerBuilder {
    Server::builder().guest("reading").config(&format!("[handlers.reading.limits]\n{limits}"))
}

fn begin(server: &Server, (path, media_type): (&str, &str), framing: &str) -> Connection {
    let mut connection = server.connect();
    connection.send(format!(
        "POST {path} HTTP/1.1\r\nHost: test\r\nContent-Type: {media_type}\r\n{framing}\r\n\r\n"
    ));
    connection
}

/// The beginning as a chunk.
fn chunk() -> String {
    format!("{:x}\r\n{PART}\r\n", PART.len())
}

#[test]
fn a_body_that_breaks_off_or_is_badly_chunked_is_400() {
    let server = builder("").start();
    for reader in READERS {
        for (framing, body) in [
            ("Content-Length: 100000", PART.to_owned()),
            ("Transfer-Encoding: chunked", chunk()),
            ("Transfer-Encoding: chunked", format!("{}5\r\nab", chunk())),
        ] {
            let mut connection = begin(&server, reader, framing);
            connection.send(body);
            connection.finish_sending();
            let reply = connection.reply();
            assert_eq!(reply.status, 400, "{reader:?} {framing}: {reply:?}");
        }
        for malformed in ["zz\r\n", "5\r\nabcdefgh\r\n", "-1\r\n", "5;\r\nabcde\r\n"] {
            let mut connection = begin(&server, reader, "Transfer-Encoding: chunked");
            connection.send(chunk());
            connection.send(malformed);
            let reply = connection.reply();
            assert_eq!(reply.status, 400, "{reader:?} {malformed:?}: {reply:?}");
        }
    }
    // A form that ends before its last boundary is not whole either.
    for path in ["/multipart", "/by-hand"] {
        let url = server.url(path);
        let reply = server.client().post(&url, "multipart/form-data; boundary=b", PART.as_bytes());
        assert_eq!(reply.status, 400, "{path} {reply:?}");
        let whole = format!("{PART}\r\n--b--\r\n");
        server.client().post(&url, "multipart/form-data; boundary=b", whole.as_bytes()).expect(200, "10");
    }
}

#[test]
fn a_body_over_its_limit_is_413_and_a_slow_one_408() {
    let server = builder("request_body_bytes = 1000\nbody_idle_timeout = \"200ms\"").start();
    for reader in READERS {
        let mut connection = begin(&server, reader, "Transfer-Encoding: chunked");
        connection.send(chunk());
        connection.send(format!("7d0\r\n{}\r\n", "x".repeat(2000)));
        let reply = connection.reply();
        assert_eq!(reply.status, 413, "{reader:?} {reply:?}");
        let mut connection = begin(&server, reader, "Content-Length: 900");
        connection.send(PART);
        let reply = connection.reply();
        assert_eq!(reply.status, 408, "{reader:?} {reply:?}");
    }
}

#[test]
fn what_a_handler_says_itself_of_a_broken_body_stays() {
    let server = builder("").start();
    for (path, status) in [("/conflict", 409), ("/unread", 500)] {
        let mut connection = begin(&server, (path, "text/plain"), "Transfer-Encoding: chunked");
        connection.send(format!("{}zz\r\n", chunk()));
        assert_eq!(connection.reply().status, status, "{path}");
    }
}
