//! The texts that people read, whole and as they read them: help, what a start, a check
//! and a table say, a load's report, error bodies, and lines of the logs.
//!
//! One that has changed fails its test, which shows the difference; CONTRIBUTING.md says
//! how it is recorded. Other tests say why a text is there, and look for its parts.

use std::net::TcpListener;
use std::sync::LazyLock;

use patchboard_tests::{Exited, Redis, Reply, Server, ServerBuilder, Shell, wait_until};
use regex::Regex;

/// What differs from run to run or from build to build, and what stands for it.
static VARYING: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let varying = [
        (r#"[^\s"'`=]*/patchboard-(test|shell)-\w+"#, "[folder]"),
        (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "[time]"),
        (r"\b[0-9a-f]{12,}\b", "[id]"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:[port]"),
        (r"(seconds=)[\d.]+", "$1[number]"),
        (r#"(duration_us"?[:=])\d+"#, "$1[number]"),
    ];
    varying.map(|(pattern, instead)| (Regex::new(pattern).unwrap(), instead)).into()
});

/// Figures, which a report is made of, with their units and the spaces that fit them in;
/// but first those that are the same in each: statuses, exit codes and shares.
static FIGURES: LazyLock<Regex> = LazyLock::new(|| {
    let same = r"status \d+|exit code \d+|\d[\d.]* %";
    let figure = r"\b\d[\d,.]*( ?(µs|ms|s|B|kB|MB|GB)\b(/s)?)?";
    Regex::new(&format!("(?<space> *)((?<same>{same})|{figure})")).unwrap()
});

/// Without its figures, and the spaces that go with them.
fn without_figures(report: &str) -> String {
    let instead = |found: &regex::Captures<'_>| {
        let space = if found["space"].is_empty() { "" } else { " " };
        format!("{space}{}", found.name("same").map_or("N", |same| same.as_str()))
    };
    FIGURES.replace_all(report, instead).into_owned()
}

/// Holds `text` against the snapshot `name`.
#[track_caller]
fn hold(name: &str, text: &str) {
    let text = VARYING
        .iter()
        .fold(text.to_owned(), |text, (pattern, instead)| pattern.replace_all(&text, *instead).into_owned());
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, text);
    });
}

/// What a program has left: its exit code and its lines.
fn left(exited: &Exited) -> String {
    let code = exited.code.map_or("none".to_owned(), |code| code.to_string());
    format!("{}\n{}\nexit code {code}", exited.output, exited.log).trim_start().to_owned()
}

#[test]
fn help() {
    let shell = Shell::new();
    for (name, command) in [
        ("help", ""),
        ("help-serve", "serve "),
        ("help-check", "check "),
        ("help-routes", "routes "),
        ("help-routes-explain", "routes explain "),
        ("help-new", "new "),
        ("help-build", "build "),
        ("help-inspect", "inspect "),
        ("help-dev", "dev "),
        ("help-test", "test "),
        ("help-backup", "backup "),
        ("help-restore", "restore "),
        ("help-load", "load "),
        ("help-load-compare", "load compare "),
    ] {
        // It says what the variables are set to.
        let exited = shell.run(&format!("env -u PATCHBOARD_CONFIG patchboard {command}--help"));
        hold(name, &left(&exited));
    }
}

/// A small site with one of everything that has a route.
fn site() -> ServerBuilder {
    Server::builder()
        .demo("hello")
        .demo("demo1")
        .file("site/page.html", "<p>a page</p>\n")
        .server("drain_timeout = \"1s\"")
        .config(
            r#"
            [handlers.hello]
            routes = ["GET /", { route = "GET {tenant}.example.com/hello", name = "tenants" }]
            [[static]]
            prefix = "/site"
            dir = "site"
            name = "site"
            [[redirect]]
            route = "GET /old/{id:int}"
            to = "/demo1/{id}"
            [[response]]
            route = "/robots.txt"
            body = "User-agent: *\n"
            "#,
        )
}

#[test]
fn routes() {
    for (name, arguments) in [
        ("routes", &[] as &[&str]),
        ("routes-json", &["--json"]),
        ("routes-explain-handler", &["explain", "POST", "/demo1/ada"]),
        ("routes-explain-host", &["explain", "GET", "http://a.example.com/hello"]),
        ("routes-explain-mount", &["explain", "GET", "/site/page.html"]),
        ("routes-explain-redirect", &["explain", "GET", "/old/7"]),
        ("routes-explain-method", &["explain", "GET", "/demo1/ada"]),
        ("routes-explain-nothing", &["explain", "GET", "/nothing/here"]),
        ("routes-explain-bad-path", &["explain", "GET", "/a/../b"]),
    ] {
        hold(name, &left(&site().routes(arguments)));
    }
}

#[test]
fn check() {
    hold("check", &left(&site().check()));
    hold("check-bad", &left(&with_broken_handlers().check()));
}

fn with_broken_handlers() -> ServerBuilder {
    Server::builder()
        .demo("hello")
        .component("empty", "(component)")
        .file("handlers/module.wasm", wat_module())
        .file("handlers/text.wasm", "no component")
        .file("handlers/hello.toml", "routes = [\"GET {nowhere}\"]\noutbound = [\"http://a\"]")
}

/// A core module, such as compilers make before it is wrapped.
fn wat_module() -> Vec<u8> {
    b"\0asm\x01\0\0\0".to_vec()
}

/// What has something in the folder `data`.
fn keeping() -> ServerBuilder {
    Server::builder()
        .guest("key-value")
        .guest("sql")
        .config("[handlers.key-value]\nkey_value = \"default\"\n[handlers.sql]\nsql = \"notes\"")
}

/// What keeps a server from starting, a case a line: the text of each is a snapshot.
fn in_vain() -> Vec<(&'static str, ServerBuilder)> {
    let start = Server::builder;
    let configured = |tables: &str| start().config(tables);
    vec![
        ("nothing-to-serve", start().without_config()),
        ("no-such-file", start().argument("--config").argument("nowhere.toml")),
        ("no-toml", configured("[handlers\nx = 1")),
        ("unknown-key", start().server("drain_timout = \"1s\"")),
        ("wrong-values", start().server("cores = 0\nhead_timeout = 5\naccess_log = \"xml\"\nslashes = 1")),
        (
            "no-such-folders",
            configured("[[static]]\nprefix = \"/x\"\ndir = \"no-files\"").server("data = \"\""),
        ),
        ("no-such-handler", configured("[handlers.missing]")),
        ("broken-handler", configured("[handlers.broken]").component("broken", "(component)")),
        (
            "patterns",
            configured(
                "[handlers.hello]\nroutes = [\"get /\", \"GET {x}\", \"GET /{a}/{a}\", \"GET /{x:(}\"]",
            )
            .demo("hello"),
        ),
        (
            "routes-twice",
            configured(
                "[handlers.p2-hello]\nroutes = [\"GET /same/{x}\"]\n\
                 [handlers.p3-hello]\nroutes = [\"GET /same/{y}\"]",
            )
            .guest("p2-hello")
            .guest("p3-hello"),
        ),
        (
            "grants",
            configured(
                "[handlers.hello]\noutbound = \"example.com\"\nkey_value = \"no bucket!\"\nsql = \"no!\"",
            )
            .demo("hello"),
        ),
        ("not-granted", configured("[handlers.guestbook]").demo("guestbook")),
        ("isolation", configured("[handlers.p2-hello]\nisolation = \"shared\"").guest("p2-hello")),
        (
            "limits",
            configured("[handlers.hello.limits]\nmemory_bytes = \"many\"\ncalls = 0\nmemory = 1")
                .demo("hello"),
        ),
        (
            "redirects",
            configured("[[redirect]]\nroute = \"/a/{x}\"\nto = \"/b/{y}\"\n[[response]]\nstatus = 99"),
        ),
        ("buckets", configured("[key_value.a]\nbackend = \"disk\"\n[key_value.b]\nbackend = \"redis\"")),
        (
            "migrations",
            configured("[handlers.sql]\nsql = \"notes\"\n[sql.notes]\nmigrations = \"migrations\"")
                .guest("sql")
                .file("migrations/001_notes.sql", "CREATE TABEL notes (id INTEGER)"),
        ),
        (
            "secrets",
            configured(
                "[handlers.hello]\nconfig = { a = { secret = \"none\" }, b = { variable = \"NONE\" } }",
            )
            .demo("hello"),
        ),
        ("empty-configuration", start().without_config().file("patchboard.toml", "[server]\n")),
        (
            "no-files",
            configured("[handlers.pipe]").file("handlers/empty.wasm", "").argument("--strict").with(|dir| {
                rustix::fs::mknodat(
                    rustix::fs::CWD,
                    dir.join("handlers/pipe.wasm"),
                    rustix::fs::FileType::Fifo,
                    rustix::fs::Mode::RUSR,
                    0,
                )
                .unwrap();
                std::os::unix::fs::symlink("../nowhere.wasm", dir.join("handlers/link.wasm")).unwrap();
            }),
        ),
        (
            "other-wasi",
            configured("[handlers.young]").component(
                "young",
                r#"(component (import "wasi:http/types@0.3.0-rc-2025-09-16" (instance (export "x" (func))))
                    (instance $i) (export "wasi:http/handler@0.3.0" (instance $i)))"#,
            ),
        ),
        ("reserved", configured("[[response]]\nroute = \"/-/mine\"\nbody = \"\"")),
        (
            "unreadable",
            start().without_powers().with(|dir| {
                use std::os::unix::fs::PermissionsExt as _;
                std::fs::set_permissions(dir.join("handlers"), std::fs::Permissions::from_mode(0o000))
                    .unwrap();
            }),
        ),
        ("data-empty", keeping().file("data/key-value.redb", "").file("data/sql/notes.sqlite", "")),
        (
            "data-damaged",
            keeping()
                .file("data/key-value.redb", "x".repeat(8192))
                .file("data/sql/notes.sqlite", "x".repeat(8192)),
        ),
        ("data-unfinished", keeping().file("data/.patchboard-restore/sql/notes.sqlite", "")),
        ("variable", start().variable("PATCHBOARD_LISTN", "127.0.0.1:0")),
        ("access-log", start().server("access_log_file = \"nowhere/a.log\"")),
        ("log-filter", start().argument("--log").argument("patchboard=loud=er")),
        ("strict", with_broken_handlers().argument("--strict")),
    ]
}

#[test]
fn starts_in_vain() {
    for (name, builder) in in_vain() {
        hold(&format!("start-{name}"), &left(&builder.start_in_vain()));
    }
}

#[test]
fn an_address_that_is_taken() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let exited =
        Server::builder().listen_as_configured().argument("--listen").argument(&address).start_in_vain();
    hold("start-address", &left(&exited));
}

/// What happens to handlers while the server runs.
#[test]
fn the_log_of_deploys() {
    let server = Server::builder().demo("hello").demo("demo1").config("[handlers.demo1]").start();
    server.put("handlers/hello.wasm", "no component");
    server.log.wait_for("the version before goes on serving");
    std::fs::remove_file(server.handler_file("demo1")).unwrap();
    server.log.wait_for("demo1.wasm is gone");
    std::fs::remove_file(server.handler_file("hello")).unwrap();
    server.log.wait_for("removed handler=\"hello\"");
    std::fs::rename(server.dir().join("handlers"), server.dir().join("elsewhere")).unwrap();
    server.log.wait_for("cannot read the handlers folder");
    server.put("patchboard.toml", "[server]\ndrain_timout = 1\n");
    server.log.wait_for("configuration not reloaded");
    hold("log-deploys", &server.stop().log);
}

#[test]
fn the_log_of_a_database_that_is_damaged() {
    let server = keeping().start();
    let file = server.dir().join("data/sql/notes.sqlite");
    std::fs::write(file, "x".repeat(8192)).unwrap();
    for _ in 0..3 {
        // Those who read open it when they are first needed.
        let reply = server.client().post(&server.url("/sql/notes/query"), "text/plain", b"SELECT 1");
        assert_eq!(reply.status, 400, "{}", reply.text());
    }
    let line = server.log.wait_for_all(&["ERROR", "notes.sqlite has failed"]);
    assert_eq!(server.log.count("notes.sqlite has failed"), 1);
    hold("log-damaged", &line);
}

/// What is wrong with a Redis, each thing said once by the server and by a check.
#[test]
fn the_log_of_a_redis() {
    let mut redis = Redis::start();
    let server = |url: &str| {
        Server::builder()
            .guest("key-value")
            .config("[handlers.key-value]\nkey_value = \"default\"\n[key_value.default]\nbackend = \"redis\"")
            .config("timeout = \"700ms\"\nconnect_timeout = \"300ms\"")
            .config(&format!("url = \"{url}\""))
    };
    let url = redis.url();
    let mut lines = Vec::new();
    let mut note = |server: &Server, said: &str| {
        // Whoever asks is told as much, and the operator no more than once.
        for _ in 0..3 {
            let reply = server.client().post(&server.url("/pair/default"), "text/plain", b"x");
            assert_eq!(reply.status, 500);
        }
        let line = server.log.wait_for_all(&["ERROR redis at ", said]);
        // Then in the words of the system, which differ.
        lines.push(line.split_once("it answers (").unwrap().0.to_owned() + "it answers");
        let said_so = |line: &&String| line.contains("ERROR redis at ") && line.contains(said);
        assert_eq!(server.log.lines().iter().filter(said_so).count(), 1);
    };
    let running = server(&url).start();
    let works = || running.client().post(&running.url("/pair/default"), "text/plain", b"x").status == 200;
    assert!(works());
    redis.freeze();
    note(&running, "has not answered in time");
    redis.thaw();
    wait_until("redis is used again", works);
    running.log.wait_for("answers again");
    redis.kill();
    note(&running, "refuses connections");
    redis.restart();
    redis.command("CONFIG SET requirepass s3cret");
    note(&running, "refuses this server (NOAUTH)");
    let wrong = server(&url.replace("redis://", "redis://:wrong@")).start();
    note(&wrong, "refuses this server (");
    // Before anybody asks.
    let tls = server(&url.replace("redis://", "rediss://")).start();
    tls.log.wait_for("where it does not, its `url` is redis://");
    note(&tls, "speaks TLS");
    let over_tls = Redis::start_with_tls();
    let plain = server(&over_tls.url().replace("rediss://", "redis://")).start();
    note(&plain, "has closed the connection");
    let untrusted = server(&over_tls.url()).variable("SSL_CERT_FILE", "/dev/null").start();
    note(&untrusted, "cannot be reached");
    // One that is now silent and now refuses has said each.
    over_tls.freeze();
    note(&untrusted, "has not answered in time");
    over_tls.thaw();
    note(&untrusted, "cannot be reached");
    hold("log-redis", &lines.join("\n"));
    hold("check-redis", &left(&server(&url).check()));
}

/// The page about what to do has each text that says that something is wrong, `…` standing for
/// what differs, and none that nothing says.
#[test]
fn troubleshooting_has_every_text() {
    let tests = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(tests.join("../docs/troubleshooting.md")).unwrap();
    let texts: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split("` |").next()).collect();
    let mut lines = Vec::new();
    for file in std::fs::read_dir(tests.join("tests/e2e/snapshots")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !["start", "check", "log"].iter().any(|kind| name.starts_with(kind)) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let wrong = |line: &&str| line.starts_with("error: ") || line.contains(" ERROR ");
        lines.extend(text.lines().filter(wrong).map(str::to_owned));
    }
    let is_of = |text: &str, line: &str| {
        let mut rest = line;
        text.split('…').all(|part| {
            let found = rest.split_once(part.trim());
            rest = found.map_or("", |(_, rest)| rest);
            found.is_some()
        })
    };
    for line in &lines {
        assert!(texts.iter().any(|text| is_of(text, line)), "docs/troubleshooting.md lacks: {line}");
    }
    for text in texts {
        assert!(
            lines.iter().any(|line| is_of(text, line)),
            "nothing says what docs/troubleshooting.md has: {text}"
        );
    }
}

#[test]
fn the_log_of_a_run() {
    let server = with_broken_handlers().server("cores = 1").start();
    server.log.wait_for("handler text");
    server.put("handlers/hello.toml", "routes = [\"GET /hello\"]");
    server.log.wait_for("routes=\"GET /hello\"");
    hold("log", &server.stop().log);
}

#[test]
fn lines_of_the_access_log() {
    let server = site().server("trusted_proxies = [\"127.0.0.1\"]").start();
    let asked = [("/", "curl"), ("/site/page.html", "curl"), ("/old/7", "curl"), ("/nothing", "curl")];
    let text: Vec<_> = asked.iter().map(|(path, _)| line(&server, path)).collect();
    hold("access-log-text", &text.join("\n"));
    let server = site().server("access_log = \"json\"\ntrusted_proxies = [\"127.0.0.1\"]").start();
    let json: Vec<_> = asked.iter().map(|(path, _)| line(&server, path)).collect();
    hold("access-log-json", &json.join("\n"));
}

/// The line of a request that a proxy has forwarded.
#[track_caller]
fn line(server: &Server, path: &str) -> String {
    let forwarded = [("x-forwarded-for", "192.0.2.7"), ("x-forwarded-proto", "https")];
    let reply = server.client().get_with(&server.url(path), &forwarded);
    server.access_log.wait_for(reply.request_id())
}

#[test]
fn error_bodies() {
    let server = Server::builder().guest("ill").start();
    let asked = |path: &str, accept: &str| {
        let reply = server.client().get_with(&server.url(path), &[("accept", accept)]);
        shown(&reply)
    };
    for (name, accept) in [("text", "*/*"), ("json", "application/json"), ("html", "text/html")] {
        hold(&format!("error-404-{name}"), &asked("/nothing", accept));
        hold(&format!("error-500-{name}"), &asked("/trap", accept));
    }
    hold("error-405", &shown(&server.raw("DELETE /-/live HTTP/1.1\r\nhost: test\r\n\r\n")));
    hold("error-400", &shown(&server.raw("GET / HTTP/1.1\r\nhost : test\r\n\r\n")));
}

/// Status, fields and body.
fn shown(reply: &Reply) -> String {
    let fields = reply.headers.iter().filter(|(name, _)| name != "date");
    let fields: String = fields.map(|(name, value)| format!("{name}: {value}\n")).collect();
    format!("{}\n{fields}\n{}", reply.status, reply.text())
}

#[test]
fn reports_of_a_load() {
    let server = Server::builder().demo("hello").start();
    let url = server.url("/");
    let load = |arguments: &[&str]| {
        let exited = Server::builder().load(&[&[&*url, "--threads", "1"], arguments].concat());
        without_figures(&left(&exited).replace(&url, "[url]"))
    };
    hold("load-rounds", &load(&["--rounds", "2", "-c", "2", "--pause", "1ms"]));
    hold("load-closed", &load(&["-n", "20", "-c", "2"]));
    hold("load-failed", &load(&["-n", "20", "-c", "2", "--expect-status", "201", "--expect-body", "Hello"]));
    hold("load-foreign", &left(&Server::builder().load(&["http://192.0.2.1/"])));
    hold("load-wrong", &left(&Server::builder().load(&["--rounds", "2", "--rate", "5"])));
}
