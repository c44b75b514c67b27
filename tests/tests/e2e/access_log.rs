//! Where the access log goes, and that rotating it loses nothing.

use std::fs;

use patchboard_tests::{Server, wait_until};
use rustix::process::Signal;

const REOPENED: &str = "access log reopened";

/// Asks for something; gives the request's id.
fn ask(server: &Server) -> String {
    server.get("/nothing").request_id().to_owned()
}

#[test]
fn probes_and_own_requests_are_quiet_unless_they_fail() {
    let builder = || {
        Server::builder().guest("asking").guest("raw").config("[handlers.asking]\noutbound = \"http://self\"")
    };
    let ask_all = |server: &Server| {
        for path in ["/-/live", "/-/ready", "/asking/raw/request"] {
            assert_eq!(server.get(path).status, 200, "{path}");
        }
        for path in ["/-/none", "/asking/none"] {
            server.get(path);
        }
        server.access_log.wait_for("target=\"/asking/none\"");
    };
    let server = builder().start();
    ask_all(&server);
    let lines = server.access_log.lines();
    let count =
        |target: &str| lines.iter().filter(|line| line.contains(&format!("target=\"{target}\""))).count();
    assert_eq!([count("/-/live"), count("/-/ready"), count("/raw/request")], [0; 3], "{lines:?}");
    assert_eq!([count("/asking/raw/request"), count("/-/none"), count("/none")], [1; 3], "{lines:?}");
    let server = builder().server("access_log_of = \"all\"").start();
    ask_all(&server);
    for target in ["/-/live", "/-/ready", "/raw/request", "/asking/raw/request", "/-/none", "/none"] {
        server.access_log.wait_for_count(&format!("target=\"{target}\""), 1);
    }
    // Scrapes on the probes' own listener.
    let server = Server::builder().server("probes = \"127.0.0.1:0\"").start();
    crate::probes::probe(&server, "/-/metrics");
    crate::probes::probe(&server, "/-/none");
    server.access_log.wait_for("target=\"/-/none\"");
    assert_eq!(server.access_log.count("/-/metrics"), 0);
}

#[test]
fn what_was_not_sent_is_not_complete() {
    let builder = Server::builder().guest("raw").file("files/large", vec![b'x'; 12 << 20]);
    let server = builder.config("[[static]]\nprefix = \"/files\"\ndir = \"files\"").start();
    for target in ["/raw/large", "/files/large"] {
        // Its socket is closed with unread bytes, which resets the connection.
        let mut connection = server.connect();
        connection.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n"));
        connection.some();
        drop(connection);
        let target = format!("target=\"{target}\"");
        let line = server.access_log.wait_for(&target);
        assert!(line.contains("status=200") && line.contains("complete=false"), "{line}");
    }
    // Likewise of two requests at once; of the second nothing was asked for.
    let mut connection = server.connect();
    let request = "GET /raw/large?1 HTTP/1.1\r\nHost: test\r\n\r\n";
    connection.send(request.to_owned() + &request.replace("?1", "?2"));
    connection.some();
    drop(connection);
    let line = server.access_log.wait_for("large?1");
    assert!(line.contains("complete=false"), "{line}");
    // What is sent is.
    for method in ["GET", "HEAD"] {
        let mut connection = server.connect();
        connection.send(format!("{method} /raw/large?{method} HTTP/1.1\r\nHost: test\r\n\r\n"));
        let head = connection.head();
        if method == "GET" {
            assert_eq!(connection.body(&head).0.len(), 12 << 20);
        }
        let line = server.access_log.wait_for(&format!("large?{method}"));
        assert!(!line.contains("complete=false"), "{line}");
    }
}

#[track_caller]
fn wait_for_line(server: &Server, file: &str, id: &str) {
    let file = server.dir().join(file);
    wait_until(&format!("{} has the line of {id}", file.display()), || {
        fs::read_to_string(&file).is_ok_and(|text| text.contains(id))
    });
}

#[test]
fn it_goes_to_a_file_that_is_rotated_with_sigusr1() {
    let server = Server::builder().server("access_log_file = \"access.log\"").start();
    let first = ask(&server);
    wait_for_line(&server, "access.log", &first);
    fs::rename(server.dir().join("access.log"), server.dir().join("access.log.1")).unwrap();
    let second = ask(&server);
    wait_for_line(&server, "access.log.1", &second);
    server.signal(Signal::USR1);
    server.log.wait_for(REOPENED);
    let third = ask(&server);
    wait_for_line(&server, "access.log", &third);
    let exited = server.stop();
    assert_eq!(exited.output, "", "nothing is left for standard output");
}

#[test]
fn a_file_that_cannot_be_reopened_leaves_the_old_one() {
    let server = Server::builder().server("access_log_file = \"access.log\"").start();
    wait_for_line(&server, "access.log", &ask(&server));
    let (file, moved) = (server.dir().join("access.log"), server.dir().join("access.log.1"));
    fs::rename(&file, &moved).unwrap();
    fs::create_dir(&file).unwrap();
    server.signal(Signal::USR1);
    server.log.wait_for_all(&["ERROR", "cannot reopen the access log", "access.log"]);
    wait_for_line(&server, "access.log.1", &ask(&server));
}

#[test]
fn the_end_of_the_server_writes_what_is_left() {
    let server = Server::builder().server("access_log_file = \"access.log\"").start();
    let file = server.dir().join("access.log");
    let ids: Vec<_> = (0..100).map(|_| ask(&server)).collect();
    server.signal(Signal::TERM);
    server.log.wait_for("drained");
    wait_until("every line is written", || {
        let text = fs::read_to_string(&file).unwrap();
        ids.iter().all(|id| text.contains(id))
    });
}

#[test]
fn standard_output_has_no_file_to_reopen() {
    let server = Server::builder().start();
    server.signal(Signal::USR1);
    server.log.wait_for("there is no file to reopen");
    let id = ask(&server);
    server.access_log.wait_for(&id);
}

#[test]
fn a_reload_changes_form_and_destination() {
    let server = Server::builder().start();
    server.access_log.wait_for(&ask(&server));
    server.put(
        "patchboard.toml",
        "[server]\nhandlers = \"handlers\"\naccess_log = \"json\"\naccess_log_file = \"access.log\"\n",
    );
    server.log.wait_for("configuration reloaded");
    let id = ask(&server);
    wait_for_line(&server, "access.log", &format!("\"request_id\":\"{id}\""));
    server
        .put("patchboard.toml", "[server]\nhandlers = \"handlers\"\naccess_log_file = \"no/such/folder\"\n");
    server.log.wait_for_all(&["ERROR", "cannot write the access log", "access_log_file"]);
    let id = ask(&server);
    wait_for_line(&server, "access.log", &format!("\"request_id\":\"{id}\""));
}

#[test]
fn a_file_that_cannot_be_had_is_refused_at_start() {
    let exited = Server::builder()
        .server("access_log_file = \"nowhere/a.log\"")
        .config("[handlers.missing]")
        .start_in_vain();
    assert_eq!(exited.code, Some(2), "{}", exited.log);
    assert!(exited.log.contains("nowhere/a.log") && exited.log.contains("access_log_file"), "{}", exited.log);
    assert!(exited.log.contains("[handlers.missing]"), "{}", exited.log);
}
