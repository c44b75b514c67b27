//! Each way to fail is told from the others, counted, and shown by an example.

use std::net::TcpListener;
use std::time::Duration;

use crate::scripted::{OK, Server, Step, answer, failures, load, number, try_load};

const STALL: Duration = Duration::from_secs(20);

#[test]
fn classes() {
    let server = Server::start(|request| {
        let send = |text: &str| Step::Send(text.as_bytes().to_vec());
        match request.number % 8 {
            0 => vec![answer(500, "no")],
            1 => vec![Step::Close],
            2 => vec![Step::Reset],
            3 => vec![send("SSH-2.0-x\r\n")],
            4 => vec![send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab"), Step::Close],
            5 => vec![send("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad")],
            6 => vec![Step::Wait(STALL)],
            _ => vec![send(OK)],
        }
    });
    let (report, fine) = load(&format!("{} -n 80 -c 1 --timeout 100ms --expect-body ok", server.address));
    assert!(!fine);
    assert_eq!((number(&report, "/requests"), number(&report, "/failed")), (80.0, 70.0));
    assert_eq!(server.requests(), 80);
    for (class, count) in
        [("status", 10), ("closed", 20), ("broken", 10), ("malformed", 10), ("body", 10), ("timed-out", 10)]
    {
        assert_eq!(failures(&report, class), count, "{class}: {report:#}");
    }
    // Those with a response, and those that timed out, which took so long at least.
    assert_eq!(number(&report, "/latency/count"), 40.0);
    assert!(number(&report, "/latency/longest_ms") >= 99.0);
    let examples: Vec<_> =
        report["failures"].as_array().unwrap().iter().map(|row| row["example"].to_string()).collect();
    for part in ["status 500", "closed before the response", "does not contain `ok`: bad", "within 100ms"] {
        assert!(examples.iter().any(|example| example.contains(part)), "{part}: {examples:?}");
    }
}

#[test]
fn json_is_checked_where_it_is_asked_for() {
    let server = Server::start(|request| vec![answer(200, &format!("{{\"n\":{}}}", request.number % 2))]);
    let (report, _) = load(&format!("{} -n 10 -c 1 --expect-json --expect-json=/n=1", server.address));
    assert_eq!(failures(&report, "body"), 5);
    let (report, fine) = load(&format!("{} -n 10 -c 1 --expect-json=/n", server.address));
    assert!(fine, "{report:#}");
}

#[test]
fn other_statuses_can_be_right() {
    let server = Server::start(|_| vec![answer(404, "")]);
    assert!(!load(&format!("{} -n 2", server.address)).1);
    assert!(load(&format!("{} -n 2 --expect-status 200,404", server.address)).1);
}

#[test]
fn a_server_that_answers_before_it_has_read_all_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let body = folder.path().join("body");
    std::fs::write(&body, vec![0; 30_000_000]).unwrap();
    // Nothing of the body is read, and the connection stays open for a while.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        use std::io::Write as _;
        let mut open = Vec::new();
        for mut stream in listener.incoming().flatten() {
            stream.write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n").unwrap();
            open.push(stream);
        }
    });
    let (report, _) = load(&format!("{address} -n 4 -c 2 --data-file {}", body.display()));
    assert_eq!(report["statuses"]["413"], 4, "{report:#}");
    // A request that was not sent whole leaves nothing that another could follow.
    assert_eq!(number(&report, "/connections"), 4.0);
}

#[test]
fn nobody_listens() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (report, fine) = load(&format!("{address} -t 30s -c 2"));
    assert!(!fine);
    assert_eq!(failures(&report, "connect") as f64, number(&report, "/requests"));
    assert_eq!(report["ended"], "given up, since nobody listens");
    let example = report["failures"][0]["example"].as_str().unwrap();
    assert!(
        example.contains(&address.to_string()) && example.contains("is the server running?"),
        "{example}"
    );
}

#[test]
fn strangers_are_not_loaded() {
    let error = try_load("http://8.8.8.8/ -n 1").unwrap_err().to_string();
    assert!(error.contains("--yes-i-own-this-host"), "{error}");
}
