//! Whatever is wrong is found in the same way by a start, a check and a reload, all at
//! once, and changes nothing.

use std::fs;
use std::net::TcpListener;

use patchboard_tests::{Exited, Reply, Server, ServerBuilder, wait_until};
use rustix::process::Signal;

const REFUSED: &str = "configuration not reloaded";

/// What is served before and after something is wrong.
const GOOD: &str = "[[response]]\nroute = \"/alive\"\nbody = \"alive\"\n";

/// Something that is wrong: files that do no harm as long as nobody names them, lines of
/// `[server]` and tables that do, and what has to be said.
struct Case {
    handlers: &'static str,
    files: fn(ServerBuilder) -> ServerBuilder,
    server: String,
    tables: String,
    said: Vec<String>,
}

fn case(server: &str, tables: &str, said: &[&str]) -> Case {
    let said = said.iter().map(|&said| said.to_owned()).collect();
    Case {
        handlers: "handlers",
        files: |builder| builder,
        server: server.to_owned(),
        tables: tables.to_owned(),
        said,
    }
}

impl Case {
    fn with(self, files: fn(ServerBuilder) -> ServerBuilder) -> Self {
        Self { files, ..self }
    }

    fn text(&self) -> String {
        let listen = if self.server.contains("listen") { "" } else { "listen = \"127.0.0.1:0\"\n" };
        let Self { handlers, server, tables, .. } = self;
        format!("[server]\nhandlers = \"{handlers}\"\n{listen}{server}\n{GOOD}{tables}\n")
    }

    fn builder(&self) -> ServerBuilder {
        (self.files)(Server::builder().without_config().file("handlers/README", "").listen_as_configured())
    }

    /// At a start, in a check, and at a reload, of which what was right before is served on.
    #[track_caller]
    fn is_found(&self) {
        let builder = || self.builder().file("patchboard.toml", self.text());
        self.is_said("start", &builder().start_in_vain());
        self.is_said("check", &builder().check());

        let right = case("", "", &[]).text();
        let server = self.builder().file("patchboard.toml", &right).start();
        let before = server.log.lines().len();
        server.put("patchboard.toml", self.text());
        server.log.wait_for(REFUSED);
        let log = server.log.lines().split_off(before).join("\n");
        self.is_said("reload", &Exited { code: Some(2), output: String::new(), log });
        server.get("/alive").expect(200, "alive");
        server.put("patchboard.toml", format!("{right}\n[[response]]\nroute = \"/more\"\nbody = \"more\"\n"));
        wait_until("what is right again is served", || server.get("/more").status == 200);
    }

    #[track_caller]
    fn is_said(&self, by: &str, Exited { code, log, .. }: &Exited) {
        assert_eq!(*code, Some(2), "{by} of\n{}\n{log}", self.text());
        for said in &self.said {
            assert!(log.contains(said), "no {said:?} by {by}:\n{log}");
        }
        assert!(!log.contains("panicked") && !log.contains("listening on"), "{by}:\n{log}");
    }
}

/// A test for each thing that may be wrong.
macro_rules! cases {
    ($($name:ident: $case:expr;)*) => { $(
        #[test]
        fn $name() {
            $case.is_found();
        }
    )* };
}

cases! {
    a_file_that_is_no_toml: case("", "[handlers\n", &["patchboard.toml:"]);
    an_unknown_key: case("drain_timout = \"1s\"", "", &["patchboard.toml:4", "did you mean `drain_timeout`"]);
    a_handlers_folder_that_is_missing:
        Case { handlers: "nowhere", ..case("", "", &["the handlers folder nowhere does not exist"]) };
    a_handlers_folder_that_is_a_file:
        Case { handlers: "patchboard.toml", ..case("", "", &["the handlers folder patchboard.toml"]) };
    a_static_folder_that_is_missing:
        case("", "[[static]]\nprefix = \"/x\"\ndir = \"nowhere\"", &["static mount `/x/`", "nowhere", "correct `dir`"]);
    a_secret_that_is_missing:
        case("", "[handlers.a.config]\nx = { secret = \"none\" }", &["the secret", "none"]);
    a_handler_without_its_file: case("", "[handlers.a]", &["handler a", "there is no file", "a.wasm"]);
    a_handler_that_is_none: case("", "[handlers.broken]", &["handler broken", "exports no handler"])
        .with(|builder| builder.component("broken", "(component)"));
    a_handler_of_the_contract_before: case("", "[handlers.old]", &["handler old", "patchboard:handler 0.1.0", "build it anew"])
        .with(|builder| builder.component("old", r#"(component
            (instance $i) (export "patchboard:handler/handler@0.1.0" (instance $i)))"#));
    a_handler_of_a_contract_to_come: case(
        "",
        "[handlers.young]",
        &["handler young", "patchboard:handler/call@0.2.9", "update the server"],
    ).with(|builder| builder.component("young", r#"(component
        (import "patchboard:handler/call@0.2.9" (instance (export "not-yet" (func))))
        (instance $i) (export "patchboard:handler/handler@0.2.9" (instance $i)))"#));
    a_grant_that_is_missing:
        case("", "[handlers.sql]", &["handler sql", "not granted", "add sql = \"sql\" to [handlers.sql]"])
        .with(|builder| builder.guest("sql"));
    a_route_that_two_have: case(
        "",
        "[[response]]\nroute = \"/a/{x}\"\nbody = \"1\"\n[[redirect]]\nroute = \"/a/{y}\"\nto = \"/b\"",
        &["claims the route", "/a/{x}", "/a/{y}"],
    );
    a_mount_that_is_there_twice: case(
        "",
        "[[static]]\nprefix = \"/a\"\ndir = \"site\"\n[[static]]\nprefix = \"/a/\"\ndir = \"site\"",
        &["static[1].prefix", "is the prefix of", "keep one of them"],
    ).with(|builder| builder.file("site/x", ""));
    an_access_log_that_cannot_be_written: case(
        "access_log_file = \"nowhere/access.log\"",
        "",
        &["cannot write the access log", "nowhere/access.log", "correct access_log_file"],
    );
    an_access_log_that_is_a_folder:
        case("access_log_file = \"handlers\"", "", &["cannot write the access log handlers"]);
    more_connections_than_files:
        case("connections = 4000000000", "", &["server.connections", "LimitNOFILE="]);
    no_address: case("listen = []", "", &["server.listen", "name one"]);
    a_wrong_migration: case(
        "",
        "[sql.notes]\nmigrations = \"migrations\"",
        &["database notes: migration 002.sql failed: ", "nowhere"],
    ).with(|builder| {
        builder
            .file("migrations/001.sql", "CREATE TABLE notes (id INTEGER)")
            .file("migrations/002.sql", "INSERT INTO nowhere VALUES (1)")
    });
    a_migration_that_ends_its_transaction: case(
        "",
        "[sql.notes]\nmigrations = \"migrations\"",
        &["database notes: migration 001.sql failed: ", "leave BEGIN, COMMIT"],
    ).with(|builder| builder.file("migrations/001.sql", "CREATE TABLE notes (id INTEGER); COMMIT"));
    a_database_that_is_none: case(
        "",
        "[sql.notes]",
        &["database notes", "data/sql/notes.sqlite: file is not a database", "restore it from a backup"],
    ).with(|builder| builder.file("data/sql/notes.sqlite", "x".repeat(4096)));
    a_database_that_cannot_be_made: case(
        "",
        "[sql.notes]\npath = \"site/x/notes.sqlite\"",
        &["database notes", "site/x/notes.sqlite", "correct `path`"],
    ).with(|builder| builder.file("site/x", "no folder"));
    a_key_value_file_that_is_none: case(
        "",
        "[handlers.key-value]\nkey_value = \"default\"",
        &["data/key-value.redb", "restore it from a backup"],
    ).with(|builder| builder.guest("key-value").file("data/key-value.redb", "x".repeat(8192)));
    a_key_value_file_that_is_empty: case(
        "",
        "[handlers.key-value]\nkey_value = \"default\"",
        &["data/key-value.redb", "it is empty"],
    ).with(|builder| builder.guest("key-value").file("data/key-value.redb", ""));
}

/// Ports that others have, which are not known before.
#[test]
fn addresses_that_others_have() {
    let (one, other) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let (listen, probes) = (one.local_addr().unwrap(), other.local_addr().unwrap());
    let server = format!("listen = [\"{listen}\"]\nprobes = \"{probes}\"");
    let (one, other) = (format!("cannot listen on {listen}"), format!("cannot listen on {probes}"));
    case(&server, "", &[&one, &other, "--listen", "`probes`"]).is_found();
}

#[test]
fn one_mistake_hides_no_other() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap().to_string();
    let server = format!(
        "listen = [\"{address}\"]\naccess_log_file = \"nowhere/a.log\"\nconnections = 4000000000\n\
         drain_timout = \"1s\""
    );
    let tables = "[handlers.hello]\noutbond = []\n[handlers.missing]\n[handlers.broken]\n\
                  [handlers.key-value]\nkey_value = \"default\"\n\
                  [[static]]\nprefix = \"/x\"\ndir = \"no-files\"\n\
                  [[response]]\nroute = \"/alive\"\nbody = \"again\"\n\
                  [sql.notes]\nmigrations = \"migrations\"\n[sql.none]\n";
    let said = [
        "did you mean `drain_timeout`",
        "did you mean `outbound`",
        &format!("cannot listen on {address}"),
        "nowhere/a.log",
        "server.connections",
        "no-files",
        "handler missing",
        "handler broken",
        "claims the route `/alive`",
        "database notes: migration 001.sql failed",
        "database none",
        "key-value.redb",
    ];
    case(&server, tables, &said)
        .with(|builder| {
            builder
                .demo("hello")
                .guest("key-value")
                .component("broken", "(component)")
                .file("migrations/001.sql", "INSERT INTO nowhere VALUES (1)")
                .file("data/sql/none.sqlite", "x".repeat(4096))
                .file("data/key-value.redb", "x".repeat(8192))
        })
        .is_found();
}

/// A handler with two databases and a bucket in the file.
const KEEPS: &str = "[handlers.sql]\nsql = [\"notes\", \"other\"]\n\
                     [handlers.key-value]\nkey_value = \"default\"\n\
                     [sql.notes]\nmigrations = \"migrations\"\n";

fn keeps() -> ServerBuilder {
    Server::builder()
        .guest("sql")
        .guest("key-value")
        .file("migrations/001.sql", "CREATE TABLE notes (text TEXT)")
        .config(KEEPS)
}

fn post(server: &Server, path: &str, text: &str) -> Reply {
    server.client().post(&server.url(path), "text/plain", text.as_bytes())
}

#[test]
fn a_wrong_migration_takes_no_database_away() {
    let server = keeps().start();
    let insert =
        |text: &str| post(&server, "/sql/notes/execute", &format!("INSERT INTO notes VALUES ('{text}')"));
    insert("before").expect(200, "1");
    fs::write(
        server.dir().join("migrations/002.sql"),
        "INSERT INTO notes VALUES ('half'); INSERT INTO nowhere VALUES (1)",
    )
    .unwrap();
    server.signal(Signal::HUP);
    server.log.wait_for_all(&["ERROR", "database notes: migration 002.sql failed", "nowhere"]);
    server.log.wait_for(REFUSED);
    insert("after").expect(200, "1");
    let texts =
        || post(&server, "/sql/notes/query", "SELECT group_concat(text) FROM notes").text().to_owned();
    assert_eq!(texts(), "[\"before,after\"]");
    // Mended, it is applied, and the database is the same one.
    fs::write(server.dir().join("migrations/002.sql"), "INSERT INTO notes VALUES ('migrated')").unwrap();
    server.signal(Signal::HUP);
    server.log.wait_for("database notes: applied the migrations 002.sql");
    server.log.wait_for("configuration reloaded");
    insert("last").expect(200, "1");
    assert_eq!(texts(), "[\"before,after,migrated,last\"]");
}

#[test]
fn a_check_changes_nothing() {
    let server = keeps().server("access_log_file = \"access.log\"").start();
    fs::remove_dir_all(server.dir().join("data")).unwrap();
    fs::remove_file(server.dir().join("access.log")).unwrap();
    let exited = server.check(&["--listen", "127.0.0.1:0"]);
    assert_eq!(exited.code, Some(0), "{}", exited.log);
    assert!(exited.output.contains("database notes is to get 001.sql"), "{}", exited.output);
    assert!(!server.dir().join("data").exists() && !server.dir().join("access.log").exists());
}

#[test]
fn a_check_beside_the_server_finds_nothing_wrong() {
    let server = keeps().server("probes = \"127.0.0.1:0\"").start();
    post(&server, "/sql/notes/execute", "INSERT INTO notes VALUES ('a')").expect(200, "1");
    assert_eq!(post(&server, "/set/default/k", "value").text(), "set");
    fs::write(server.dir().join("migrations/002.sql"), "DELETE FROM notes").unwrap();
    let address = server.address().to_string();
    let exited = server.check(&["--listen", &address]);
    assert_eq!(exited.code, Some(0), "{}", exited.log);
    assert!(exited.output.contains("database notes is to get 002.sql"), "{}", exited.output);
    // Which was tried, but is not applied.
    post(&server, "/sql/notes/query", "SELECT text FROM notes").expect(200, "[\"a\"]");
    // Another configuration would not have that address, nor the file.
    let data = server.dir().join("data");
    let exited = keeps()
        .server(&format!("data = {data:?}"))
        .listen_as_configured()
        .argument("--listen")
        .argument(&address)
        .check();
    assert_eq!(exited.code, Some(2), "{}", exited.log);
    for part in [&*address, "another Patchboard", "key-value.redb", "another server has it open"] {
        assert!(exited.log.contains(part), "{part}: {}", exited.log);
    }
}

#[test]
fn a_start_that_fails_applies_no_migration() {
    let data = tempfile::tempdir().unwrap();
    let exited =
        keeps().server(&format!("data = {:?}", data.path())).config("[handlers.missing]").start_in_vain();
    assert_eq!(exited.code, Some(2), "{}", exited.log);
    assert_eq!(fs::read_dir(data.path()).unwrap().count(), 0);
}

#[test]
fn strict_holds_at_a_reload_too() {
    let taken = "[[response]]\nroute = \"GET /\"\nbody = \"configured\"\n";
    let server = Server::builder().demo("hello").argument("--strict").config(GOOD).start();
    server.get("/").expect(200, "Hello, world");
    server.put("patchboard.toml", format!("[server]\nhandlers = \"handlers\"\n{GOOD}{taken}"));
    server.log.wait_for_all(&["ERROR", "handler hello", "claims the route `GET /`"]);
    server.log.wait_for(REFUSED);
    server.get("/").expect(200, "Hello, world");
}
