//! What another server answers, handed on by a handler: by each world's own client, and as a
//! response that the handler makes of it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};

use patchboard_tests::http2::{END_STREAM, Http2, kind};
use patchboard_tests::{BodyEnd, Reply, Server};

use crate::answers::Seen::{self, Cut, Failed, Whole};
use crate::answers::seen;

/// Our world, `wasi:http` 0.3, also where it makes a response anew, and 0.2.
const WORLDS: [&str; 4] = ["/raw/pass", "/p3/pass", "/p3/pass-made", "/p2/pass"];

/// What is asked, what is answered, and what the client then sees.
type Case = (&'static str, &'static str, fn() -> Seen);

const CASES: [Case; 24] = [
    ("GET", "200 OK\r\ncontent-length: 3\r\n\r\nabc", || Whole(200, Some(3), "abc")),
    ("GET", "200 OK\r\ncontent-length: 0\r\n\r\n", || Whole(200, Some(0), "")),
    ("GET", "200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", || {
        Whole(200, Some(3), "abc")
    }),
    ("GET", "200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", || Whole(200, Some(0), "")),
    ("GET", "200 OK\r\n\r\nabc", || Whole(200, Some(3), "abc")),
    ("GET", "299\r\ncontent-length: 3\r\n\r\nabc", || Whole(299, Some(3), "abc")),
    ("GET", "404 Not Found\r\ncontent-length: 0\r\n\r\n", || Whole(404, Some(0), "")),
    ("GET", "503 Busy\r\ncontent-length: 4\r\nretry-after: 7\r\n\r\nbusy", || Whole(503, Some(4), "busy")),
    ("GET", "103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", || {
        Whole(200, Some(3), "abc")
    }),
    ("HEAD", "200 OK\r\ncontent-length: 10\r\n\r\n", || Whole(200, Some(10), "")),
    ("HEAD", "200 OK\r\ncontent-length: 0\r\n\r\n", || Whole(200, Some(0), "")),
    ("HEAD", "200 OK\r\ntransfer-encoding: chunked\r\n\r\n", || Whole(200, None, "")),
    ("HEAD", "200 OK\r\n\r\n", || Whole(200, None, "")),
    ("HEAD", "404 Not Found\r\ncontent-length: 10\r\n\r\n", || Whole(404, Some(10), "")),
    ("HEAD", "304 Not Modified\r\ncontent-length: 10\r\n\r\n", || Whole(304, Some(10), "")),
    ("HEAD", "204 No Content\r\n\r\n", || Whole(204, None, "")),
    ("GET", "304 Not Modified\r\netag: \"a\"\r\ncontent-length: 10\r\n\r\n", || Whole(304, Some(10), "")),
    ("GET", "304 Not Modified\r\netag: \"a\"\r\n\r\n", || Whole(304, None, "")),
    ("GET", "304 Not Modified\r\ntransfer-encoding: chunked\r\n\r\n", || Whole(304, None, "")),
    ("GET", "204 No Content\r\n\r\n", || Whole(204, None, "")),
    ("GET", "204 No Content\r\ncontent-length: 0\r\n\r\n", || Whole(204, None, "")),
    ("GET", "205 Reset Content\r\ncontent-length: 0\r\n\r\n", || Whole(205, Some(0), "")),
    ("GET", "205 Reset Content\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", || Whole(205, Some(0), "")),
    ("GET", "205 Reset Content\r\ncontent-length: 3\r\n\r\nabc", || Whole(205, Some(0), "")),
];

/// What breaks off: nothing of it may be taken for the whole.
const BROKEN: [&str; 4] = [
    "200 OK\r\ncontent-length: 10\r\n\r\nabc",
    "200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nx\r\n",
    "200 OK\r\ncontent-length: 10\r\n\r\n",
];

/// A server that answers a request for `/NUMBER` with the bytes of that number, and closes.
fn upstream(answers: Vec<&'static str>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let line = lines.next().unwrap_or_default();
            // The rest of the head.
            let _head = lines.take_while(|line| !line.is_empty()).count();
            let number =
                line.split(' ').nth(1).and_then(|path| path.strip_prefix('/')?.parse::<usize>().ok());
            let answer = number.and_then(|number| answers.get(number));
            if let Some(answer) = answer {
                stream.write_all(format!("HTTP/1.1 {answer}").as_bytes()).ok();
            }
        }
    });
    address
}

fn server(upstream: SocketAddr) -> Server {
    let handler = |name: &str, routes: &str, isolation: &str| {
        format!("[handlers.{name}]\nroutes = [\"{routes}\"]\noutbound = \"http://{upstream}\"\n{isolation}\n")
    };
    Server::builder()
        .guest("raw")
        .guest("p3-hello")
        .guest("p2-hello")
        // Behind the first, which has HTTP/1.1 alone.
        .config("[[listener]]\naddress = \"127.0.0.1:0\"\nh2c = true")
        .config(&handler("raw", "/raw/{case}", ""))
        .config(&handler("p3-hello", "/p3/{*rest}", ""))
        .config(&handler("p2-hello", "/p2/{*rest}", "isolation = \"request\""))
        .start()
}

/// Asks, and where the connection is to go on, asks once more on it.
fn ask(server: &Server, method: &str, path: &str) -> (Reply, BodyEnd) {
    let mut connection = server.connect();
    connection.send(format!("{method} {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
    let mut reply = connection.head();
    let end = match method {
        "HEAD" => BodyEnd::Complete,
        _ => {
            let (body, end) = connection.body(&reply);
            reply.body = body;
            end
        }
    };
    if end == BodyEnd::Complete {
        assert_eq!(connection.get("/raw/ok").text(), "raw", "after {method} {path}: {reply:?}");
    }
    (reply, end)
}

#[test]
fn an_answer_is_handed_on_as_it_was() {
    let upstream = upstream(CASES.iter().map(|(_, answer, _)| *answer).collect());
    let server = server(upstream);
    let mut wrong = Vec::new();
    for (number, (method, answer, expected)) in CASES.iter().enumerate() {
        for world in WORLDS {
            let (reply, end) = ask(&server, method, &format!("{world}?url=http://{upstream}/{number}"));
            // What tells no length is complete with its head, or streams, as the end comes.
            let streams = match expected() {
                Whole(status, Some(_), body) if *method == "GET" && !answer.contains("content-length") => {
                    seen(&reply, end, &Whole(status, None, body))
                }
                _ => false,
            };
            if !seen(&reply, end, &expected()) && !streams {
                wrong.push(format!("{world}: {method} {answer:?}: {reply:?} {end:?}, not {:?}", expected()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_breaks_off_never_ends_cleanly() {
    let upstream = upstream(BROKEN.to_vec());
    let server = server(upstream);
    let mut wrong = Vec::new();
    for (number, answer) in BROKEN.iter().enumerate() {
        for world in WORLDS {
            let (reply, end) = ask(&server, "GET", &format!("{world}?url=http://{upstream}/{number}"));
            if !(seen(&reply, end, &Cut(200))
                || [500, 502].iter().any(|code| seen(&reply, end, &Failed(*code))))
            {
                wrong.push(format!("{world}: {answer:?}: {reply:?} {end:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_of_the_others_connection_ends_there() {
    let answer = "200 OK\r\nconnection: x-hop, close, x-late\r\nx-hop: gone\r\nkeep-alive: gone\r\nx-kept: yes\r\n\
                  trailer: x-sum, x-late\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 7\r\n\
                  x-late: gone\r\nkeep-alive: gone\r\n\r\n";
    let upstream = upstream(vec![answer]);
    let server = server(upstream);
    for world in WORLDS {
        let mut connection = server.connect();
        connection.send(format!(
            "GET {world}?url=http://{upstream}/0 HTTP/1.1\r\nHost: test\r\nTE: trailers\r\nConnection: close, TE\r\n\r\n"
        ));
        let text = String::from_utf8(connection.rest()).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 ") && text.contains("\r\nx-kept: yes\r\n"), "{world}: {text}");
        assert!(text.ends_with("\r\n0\r\nx-sum: 7\r\n\r\n"), "{world}: {text}");
        assert!(!text.contains("gone") && !text.contains("connection: x-hop"), "{world}: {text}");
        // Nor is what came with trailers cut.
        let line = server.access_log.wait_for(&format!("target=\"{world}?"));
        assert!(!line.contains("complete=false"), "{line}");
    }
}

/// What comes of a request by HTTP/2: its status, where that is known, its content, and its
/// trailers; none where the stream is reset.
fn ask_by_http2(server: &Server, method: &str, path: &str) -> Option<(Option<u16>, Vec<u8>, Vec<u8>)> {
    server.log.wait_for_count("listening on http://", 2);
    let lines = server.log.lines();
    let mut addresses = lines.iter().filter_map(|line| line.strip_prefix("listening on http://"));
    let mut client = Http2::open(addresses.nth(1).unwrap().parse().unwrap(), &[]);
    let fields = [(":method", method), (":path", path), (":authority", "test"), (":scheme", "http")];
    let stream = client.ask(&fields, END_STREAM);
    let head = client.wait_for(|frame| frame.stream == stream);
    let (status, mut content, mut last) = (head.status(), Vec::new(), head);
    while last.flags & END_STREAM == 0 {
        if last.kind == kind::RST_STREAM {
            return None;
        }
        last = client.wait_for(|frame| frame.stream == stream);
        if last.kind == kind::DATA {
            content.extend_from_slice(&last.payload);
        }
    }
    let trailers = if last.kind == kind::HEADERS && !content.is_empty() { last.payload } else { Vec::new() };
    Some((status, content, trailers))
}

#[test]
fn all_of_it_is_the_same_by_http2() {
    let upstream = upstream(CASES.iter().map(|case| case.1).collect());
    let server = server(upstream);
    let mut wrong = Vec::new();
    for world in WORLDS {
        for (number, (method, answer, expected)) in CASES.iter().enumerate() {
            let Whole(status, _, text) = expected() else { continue };
            let found = ask_by_http2(&server, method, &format!("{world}?url=http://{upstream}/{number}"));
            // What is in no static table is not looked into.
            let is_right = found.as_ref().is_some_and(|(known, content, _)| {
                known.is_none_or(|known| known == status) && content == text.as_bytes()
            });
            if !is_right {
                wrong.push(format!("{world}: {method} {answer:?}: {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn trailers_end_a_stream() {
    let answer =
        "200 OK\r\ntrailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 7\r\n\r\n";
    let upstream = upstream(vec![answer]);
    let server = server(upstream);
    for world in WORLDS {
        let found = ask_by_http2(&server, "GET", &format!("{world}?url=http://{upstream}/0"));
        let (status, content, trailers) = found.unwrap_or_else(|| panic!("{world}: reset"));
        assert_eq!((status, &*content, trailers.is_empty()), (Some(200), &b"abc"[..], false), "{world}");
    }
}
