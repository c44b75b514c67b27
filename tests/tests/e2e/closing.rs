//! Requests that are answered before their body has come: behind nginx, behind HAProxy, and
//! by a client that keeps its connections. No answer is lost, nor the next request.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use patchboard_tests::{Balancer, Connection, Server};

/// Clients at once.
const CLIENTS: usize = 4;
/// So many refusals for each way to the server: more than a thousand in all.
const SMALL: usize = 300;
const LARGE: usize = 40;
const HUGE: usize = 4;
/// How long each of the pieces of a slow body takes to come.
const PAUSE: Duration = Duration::from_millis(3);

/// What is refused, and with what.
const REFUSED: [(&str, u16); 6] =
    [("/nope", 404), ("/", 405), ("/files/a", 405), ("/old", 308), ("/upload", 413), ("/echo", 503)];

/// How a body comes.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Length,
    Chunked,
    /// By who asks whether it may send, and does not wait for the answer.
    Expect,
    Slow,
}

const SHAPES: [Shape; 4] = [Shape::Length, Shape::Chunked, Shape::Expect, Shape::Slow];

fn server() -> Server {
    Server::builder()
        .server("trusted_proxies = [\"127.0.0.1\"]")
        .demo("hello")
        .demo("upload")
        .guest("ill")
        .file("files/a", "a")
        .config(
            "[handlers.upload.limits]\nrequest_body_bytes = \"1KiB\"\n\
             [handlers.ill.limits]\nrequest_body_bytes = \"32MiB\"\ncalls = 1\nqueue = 0\ncall_timeout = \"5m\"\n\
             [[static]]\nprefix = \"/files\"\ndir = \"files\"\n\
             [[redirect]]\nroute = \"/old\"\nto = \"/new\"\nstatus = 308",
        )
        .start()
}

/// Sends a POST with a body of `bytes`, whatever comes back meanwhile.
fn send(connection: &mut Connection, path: &str, shape: Shape, bytes: usize) {
    let framing = match shape {
        Shape::Chunked => "Transfer-Encoding: chunked\r\n".to_owned(),
        Shape::Expect => format!("Content-Length: {bytes}\r\nExpect: 100-continue\r\n"),
        Shape::Length | Shape::Slow => format!("Content-Length: {bytes}\r\n"),
    };
    connection.send(format!("POST {path} HTTP/1.1\r\nHost: test\r\n{framing}\r\n"));
    let pieces = if matches!(shape, Shape::Slow) { 10 } else { 1 };
    for piece in vec![b'x'; bytes].chunks(bytes.div_ceil(pieces)) {
        match shape {
            Shape::Chunked => connection.send(format!("{:x}\r\n", piece.len())),
            Shape::Slow => thread::sleep(PAUSE),
            Shape::Length | Shape::Expect => {}
        }
        connection.send(piece);
        if matches!(shape, Shape::Chunked) {
            connection.send("\r\n0\r\n\r\n");
        }
    }
}

/// Sends all that is refused to `address`, and between a request that is not.
fn refuse(address: SocketAddr) {
    let next = AtomicUsize::new(0);
    let sizes = [(SMALL, 50_000), (LARGE, 1_000_000), (HUGE, 20_000_000)];
    let all: Vec<usize> =
        sizes.iter().flat_map(|&(count, bytes)| std::iter::repeat_n(bytes, count)).collect();
    let client = || {
        let mut connection = Connection::open(address);
        while let Some(&bytes) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            let number = next.load(Ordering::Relaxed);
            let (path, status) = REFUSED[number % REFUSED.len()];
            let shape = SHAPES[number / REFUSED.len() % SHAPES.len()];
            send(&mut connection, path, shape, bytes);
            let mut reply = connection.reply();
            if reply.status == 100 {
                reply = connection.reply();
            }
            // Of a body whose length nobody tells the handler may dislike the beginning.
            let status =
                if matches!((status, shape), (413, Shape::Chunked)) { 400..=413 } else { status..=status };
            assert!(status.contains(&reply.status), "{path}, {shape:?}, {bytes} bytes: {reply:?}");
            if reply.header("connection") == Some("close") {
                connection = Connection::open(address);
            }
            let reply = connection.get("/");
            assert_eq!(reply.text(), "Hello, world", "after {path}, {shape:?}, {bytes} bytes");
        }
    };
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(client);
        }
    });
}

/// A server one of whose handlers is at its limit.
fn busy() -> (Server, Connection) {
    let server = server();
    let mut busy = server.connect();
    busy.send("GET /sleep?ms=290000 HTTP/1.1\r\nHost: test\r\n\r\n");
    server.log.wait_for("sleep: begins");
    (server, busy)
}

#[test]
fn nginx_takes_every_refusal_for_an_answer() {
    let (server, _busy) = busy();
    refuse(Balancer::nginx(&[server.address()]).address());
}

#[test]
fn haproxy_takes_every_refusal_for_an_answer() {
    let (server, _busy) = busy();
    refuse(Balancer::haproxy(&[server.address()]).address());
}

#[test]
fn a_client_that_keeps_its_connections_loses_nothing() {
    let (server, _busy) = busy();
    refuse(server.address());
}

#[test]
fn who_awaits_the_word_to_send_is_refused_without_it() {
    let server = server();
    for (path, status) in REFUSED.into_iter().filter(|(_, status)| *status != 503) {
        let mut connection = server.connect();
        connection.send(format!(
            "POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n"
        ));
        let reply = connection.reply();
        assert_eq!((reply.status, reply.header("connection")), (status, Some("close")), "{path}");
        connection.finish_sending();
        connection.expect_closed();
    }
}

#[test]
fn what_a_handler_does_not_read_to_the_end_costs_no_next_request() {
    let server = Server::builder()
        .guest("raw")
        .guest("p3-hello")
        .guest("p2-hello")
        .config(
            "[handlers.raw]\nroutes = [\"/raw/{case}\"]\n[handlers.raw.limits]\nrequest_body_bytes = \"32MiB\"\n\
             [handlers.p3-hello.limits]\nrequest_body_bytes = \"32MiB\"\n\
             [handlers.p2-hello]\nisolation = \"reuse\"\n\
             [handlers.p2-hello.limits]\nrequest_body_bytes = \"32MiB\"",
        )
        .start();
    let ask = |path: &str, shape: Shape, bytes: usize| {
        let mut connection = server.connect();
        let mut sender = connection.another();
        thread::scope(|scope| {
            let sending = scope.spawn(move || send(&mut sender, path, shape, bytes));
            let mut reply = connection.reply();
            if reply.status == 100 {
                reply = connection.reply();
            }
            assert_eq!(reply.text(), "begun ended", "{path}, {shape:?}, {bytes} bytes: {reply:?}");
            sending.join().unwrap();
        });
        let text = connection.get("/raw/ok").text().to_owned();
        assert_eq!(text, "raw", "after {path}, {shape:?}, {bytes} bytes");
    };
    thread::scope(|scope| {
        for path in ["/raw/stops", "/p3-hello/stops", "/p2-hello/stops"] {
            for query in ["", "?keeps"] {
                for shape in SHAPES {
                    let (ask, path) = (&ask, format!("{path}{query}"));
                    scope.spawn(move || {
                        for bytes in [100_000, 1_000_000, 20_000_000] {
                            ask(&path, shape, bytes);
                        }
                    });
                }
            }
        }
    });
}

#[test]
fn a_small_body_that_nobody_reads_does_not_end_the_connection() {
    let server = server();
    let mut connection = server.connect();
    for path in ["/nope", "/", "/files/a", "/old", "/unread"] {
        send(&mut connection, path, Shape::Length, 1000);
        assert_eq!(connection.reply().header("connection"), None, "{path}");
        send(&mut connection, path, Shape::Chunked, 1000);
        assert_eq!(connection.reply().header("connection"), None, "{path}");
    }
}
