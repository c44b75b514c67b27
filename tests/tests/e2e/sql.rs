//! Databases as a handler has them: by a grant, and until the end of its call.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use patchboard_tests::{Reply, Server, ServerBuilder, wait_until};
use rustix::process::Signal;

const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n WHERE i < 0";

fn granted() -> ServerBuilder {
    Server::builder()
        .guest("sql")
        .file("migrations/001.sql", "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)")
        .config(
            "[handlers.sql]\nsql = [\"notes\", \"other\"]\n\
             [sql.notes]\nmigrations = \"migrations\"\nconnections = 2\nstatement_timeout = \"2s\"\n\
             [sql.secret]\n",
        )
}

fn post(server: &Server, path: &str, statement: &str) -> Reply {
    server.client().post(&server.url(path), "text/plain", statement.as_bytes())
}

fn count(server: &Server) -> i64 {
    post(server, "/sql/notes/query", "SELECT count(*) AS n FROM notes").json()[0].as_i64().unwrap()
}

#[test]
fn rows_are_kept_over_a_reload_and_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let start = || granted().server(&format!("data = {:?}", data.path())).start();
    let server = start();
    post(&server, "/sql/notes/execute", "INSERT INTO notes VALUES (1, 'a'), (2, 'b')").expect(200, "2");
    assert_eq!(count(&server), 2);
    assert!(data.path().join("sql/notes.sqlite").is_file());
    server.signal(Signal::HUP);
    server.log.wait_for("configuration reloaded");
    assert_eq!(count(&server), 2);
    // The migrations are not applied again, and what was acknowledged is there.
    server.signal(Signal::KILL);
    drop(server);
    assert_eq!(count(&start()), 2);
}

#[test]
fn an_outside_reader_without_an_end_is_named_with_what_it_costs() {
    let server = granted().start();
    let file = server.dir().join("data/sql/notes.sqlite");
    let read = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('BEGIN'); \
                c.execute('SELECT count(*) FROM notes').fetchall(); print('reads', flush=True); sys.stdin.read()";
    let mut reader = Command::new("python3")
        .args(["-c", read])
        .arg(&file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(reader.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "reads\n");
    let name = format!("process {} (python3)", reader.id());
    let write = |text: &str| {
        let sql = format!("INSERT INTO notes (text) VALUES ({text})");
        post(&server, "/sql/notes/execute", &sql).expect(200, "1");
    };
    (0..40).for_each(|_| write("hex(randomblob(1000000))"));
    let line = server.log.wait_for_all(&["WARN", "notes.sqlite-wal has come to 6", "MiB"]);
    assert!(line.contains(&name), "{line}");
    assert_eq!(server.log.count("sqlite-wal has come to"), 1, "it is said when it has doubled");
    // Without the reader it is written into the database, and begins anew.
    drop(reader.stdin.take());
    reader.wait().unwrap();
    write("'a'");
    write("'b'");
    let bytes = std::fs::metadata(file.with_extension("sqlite-wal")).unwrap().len();
    assert!(bytes <= 16 << 20, "{bytes}");
}

#[test]
fn what_was_not_granted_is_not_there() {
    let server = granted().start();
    for name in ["secret", "nowhere", "..%2Fnotes"] {
        let reply = post(&server, &format!("/sql/{name}/execute"), "SELECT 1");
        assert_eq!(reply.status, 400);
        assert!(reply.text().starts_with("NoSuchDatabase"), "{}", reply.text());
    }
    server.log.wait_for("add sql = \"secret\" to [handlers.sql]");
    // One without a section of its own has the defaults.
    post(&server, "/sql/other/execute", "CREATE TABLE a (b INTEGER)").expect(200, "0");
}

#[test]
fn a_component_without_its_grant_is_told_so() {
    let exited = Server::builder().guest("sql").config("[handlers.sql]").check();
    assert_ne!(exited.code, Some(0));
    assert!(
        exited.log.contains("patchboard:handler/sql@0.2.0, which is not granted; add sql = \"sql\""),
        "{}",
        exited.log
    );
}

#[test]
fn a_transaction_ends_with_its_call() {
    let server = granted().start();
    assert_eq!(post(&server, "/sql/notes/keep", "INSERT INTO notes VALUES (1, 'a')").status, 200);
    // The only writer is free again, and what the transaction did is gone.
    post(&server, "/sql/notes/execute", "INSERT INTO notes VALUES (1, 'b')").expect(200, "1");
    let reply = post(&server, "/sql/notes/kept", "INSERT INTO notes VALUES (2, 'c')");
    assert!(reply.text().contains("ended with its call"), "{}", reply.text());
    assert_eq!(count(&server), 1);
}

#[test]
fn a_transaction_ends_with_a_trap() {
    let server = granted().start();
    for _ in 0..3 {
        assert_eq!(post(&server, "/sql/notes/trap", "INSERT INTO notes VALUES (1, 'a')").status, 500);
    }
    post(&server, "/sql/notes/execute", "INSERT INTO notes VALUES (1, 'b')").expect(200, "1");
}

#[test]
fn a_transaction_ends_with_a_client_that_leaves() {
    let server = granted().start();
    let statement = ENDLESS.replace("SELECT count(*)", "INSERT INTO notes SELECT i, 'a'");
    let mut connection = server.connect();
    connection.send(format!(
        "POST /sql/notes/keep HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{statement}",
        statement.len()
    ));
    drop(connection);
    wait_until("the writer is free again", || {
        post(&server, "/sql/notes/execute", "INSERT INTO notes VALUES (1, 'b')").status == 200
    });
}

#[test]
fn a_statement_does_not_hold_its_instance() {
    let server = granted().start();
    let mut slow = server.connect();
    slow.send(format!(
        "POST /sql/notes/query HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{ENDLESS}",
        ENDLESS.len()
    ));
    // It takes two seconds, and then times out.
    let begin = Instant::now();
    for _ in 0..20 {
        server.get("/sql/quick").expect(200, "quick");
        assert_eq!(count(&server), 0);
    }
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    let reply = slow.reply();
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("TimedOut"), "{}", reply.text());
}

#[test]
fn rows_are_sent_as_they_are_read() {
    let server = granted().start();
    let many = ENDLESS.replace("SELECT count(*) FROM n WHERE i < 0", "SELECT i FROM n LIMIT 20000");
    let reply = post(&server, "/sql/notes/stream", &many);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.text().lines().count(), 20_000);
    assert_eq!(reply.text().lines().last(), Some("20000"));
}

#[test]
fn a_wrong_migration_keeps_the_server_from_starting() {
    let exited = Server::builder()
        .demo("hello")
        .file("migrations/001.sql", "CREATE TABLE notes (id INTEGER)")
        .file("migrations/002.sql", "INSERT INTO nowhere VALUES (1)")
        .config("[sql.notes]\nmigrations = \"migrations\"")
        .start_in_vain();
    assert_eq!(exited.code, Some(2));
    assert!(exited.log.contains("database notes: migration 002.sql failed: "), "{}", exited.log);
}

#[test]
fn mistakes_in_the_configuration_are_all_named() {
    let exited = Server::builder()
        .demo("hello")
        .config(
            "[handlers.hello]\nsql = \"../x\"\n\
             [sql.a]\npath = \"a.sqlite\"\nurl = \"postgres://bob:s3cret@host:port/x\"\n\
             [sql.b]\nmigrations = \"nowhere\"\nconections = 3\n\
             [sql.c]\nurl = { secret = \"none\" }\n",
        )
        .check();
    for part in ["`../x`", "`path`", "postgres://user@host", "nowhere", "`connections`", "the secret"] {
        assert!(exited.log.contains(part), "{part}: {}", exited.log);
    }
    assert!(!exited.log.contains("s3cret"), "{}", exited.log);
}
