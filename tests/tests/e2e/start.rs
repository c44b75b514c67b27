//! How a server starts, and how it refuses to: exit code 2, and all that is wrong.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use patchboard_tests::{Exited, Server};

/// The start fails and says all of `parts`; so does a check of the same.
#[track_caller]
fn refused(exited: &Exited, parts: &[&str]) {
    assert_eq!(exited.code, Some(2), "{}", exited.log);
    for part in parts {
        assert!(exited.log.contains(part), "no {part:?} in:\n{}", exited.log);
    }
    assert!(!exited.log.contains("listening on") && !exited.log.contains("panicked"), "{}", exited.log);
}

#[test]
fn a_line_names_the_address_once_it_accepts() {
    let server = Server::builder().start();
    assert_ne!(server.address().port(), 0);
    server.get("/-/ready").expect(200, "ready\n");
}

#[test]
fn several_addresses_are_all_listened_on() {
    let server = Server::builder().argument("--listen").argument("127.0.0.1:0").start();
    server.log.wait_for_count("listening on http://127.0.0.1:", 2);
}

#[test]
fn addresses_may_be_configured() {
    let server = Server::builder().server("listen = [\"127.0.0.1:0\"]").listen_as_configured().start();
    server.get("/-/live").expect(200, "live\n");
    let server = Server::builder()
        .listen_as_configured()
        .server("listen = [\"0.0.0.0:1\"]")
        .variable("PATCHBOARD_LISTEN", "127.0.0.1:0")
        .start();
    server.get("/-/live").expect(200, "live\n");
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_known_one() {
    let exited = Server::builder().server("drain_timout = \"1s\"").start_in_vain();
    refused(&exited, &["patchboard.toml:3", "drain_timout", "did you mean `drain_timeout`"]);
    let exited = Server::builder()
        .demo("hello")
        .config("[handlers.hello]\noutbond = []\n[handlers.hello.limits]\nmemory = 1")
        .start_in_vain();
    refused(&exited, &["outbond", "`outbound`", "handlers.hello", "memory"]);
}

#[test]
fn addresses_are_refused_with_the_right_form() {
    let start = |listen: &str| Server::builder().listen_as_configured().server(listen).start_in_vain();
    refused(&start("listen = []"), &["patchboard.toml:", "server.listen", "there is no address"]);
    refused(&start("listen = \"localhost:80\""), &["`localhost:80`", "127.0.0.1:80"]);
    refused(&start("listen = [\"127.0.0.1:9\", \"127.0.0.1:9\"]"), &["127.0.0.1:9 is there twice"]);
    let both = start("listen = \"127.0.0.1:9\"\nprobes = \"127.0.0.1:9\"");
    refused(&both, &["probes: 127.0.0.1:9 is listened on already"]);
    let exited = Server::builder()
        .listen_as_configured()
        .argument("--listen")
        .argument("127.0.0.1:9")
        .argument("--listen")
        .argument("127.0.0.1:9")
        .start_in_vain();
    refused(&exited, &["--listen: 127.0.0.1:9 is there twice"]);
    let exited =
        Server::builder().listen_as_configured().argument("--listen").argument("::1:80").start_in_vain();
    refused(&exited, &["`::1:80`", "[::1]:80"]);
}

#[test]
fn a_slip_in_a_variable_is_refused() {
    let exited = Server::builder().variable("PATCHBOARD_LISTN", "127.0.0.1:0").start_in_vain();
    refused(&exited, &["PATCHBOARD_LISTN", "did you mean PATCHBOARD_LISTEN?"]);
}

#[test]
fn a_file_that_is_not_utf8_is_refused_with_the_line() {
    let builder = Server::builder().without_config().file("patchboard.toml", b"[server]\n# caf\xe9\n");
    let exited = builder.start_in_vain();
    refused(&exited, &["patchboard.toml:2", "0xE9", "save the file as UTF-8"]);
    assert!(!exited.log.contains("--config"), "{}", exited.log);
}

#[test]
fn every_problem_is_reported_at_once() {
    let builder = || {
        Server::builder()
            .demo("hello")
            .server("cores = 0\nhead_timeout = 5\naccess_log = \"xml\"")
            .config(
                "[[static]]\nprefix = \"css\"\ndir = \"nowhere\"\n\
                 [[static]]\nprefix = \"/x\"\ndir = \"nowhere-either\"\n\
                 [handlers.hello]\nroutes = [\"get /\", \"GET {x}\", \"GET /{a}/{a}\"]\noutbound = \"example.com\"\n\
                 [handlers.hello.limits]\nmemory_bytes = \"many\"",
            )
    };
    let parts = [
        "cores",
        "head_timeout",
        "xml",
        "prefix",
        "nowhere-either",
        "get /",
        "route `GET {x}`: a pattern starts with",
        "`a` occurs twice",
        "example.com",
        "many",
    ];
    refused(&builder().start_in_vain(), &parts);
    refused(&builder().check(), &parts);
}

#[test]
fn redirects_and_fixed_responses_are_checked() {
    let exited = Server::builder()
        .config(
            r#"
            [[redirect]]
            route = "/a/{x}"
            to = "/b/{y}"
            [[redirect]]
            route = "/c"
            to = "elsewhere"
            status = 200
            [[redirect]]
            route = "/d"
            [[response]]
            status = 99
            [[response]]
            route = "/e"
            headers = { "content-length" = "1" }
            to = "/f"
            "#,
        )
        .start_in_vain();
    let parts = [
        "no parameter `y`; it has `x`",
        "not 200",
        "a redirect needs `route` and `to`",
        "a fixed response needs `route`",
        "not 99",
        "sets this field itself",
        "unknown key `to`",
    ];
    refused(&exited, &parts);
}

#[test]
fn a_redirect_that_takes_the_route_of_another_names_both() {
    let redirect = |to: &str| format!("[[redirect]]\nroute = \"/a/{{x}}\"\nto = \"{to}\"\n");
    let exited = Server::builder().config(&(redirect("/b") + &redirect("/c"))).start_in_vain();
    refused(&exited, &["redirect 308 to `/c`", "redirect 308 to `/b`", "/a/{x}"]);
}

#[test]
fn a_file_that_is_no_toml_is_refused_with_the_line() {
    let exited = Server::builder().config("[handlers\nx = 1").start_in_vain();
    refused(&exited, &["patchboard.toml:"]);
}

#[test]
fn a_configuration_that_is_not_there_is_refused() {
    let exited = Server::builder().argument("--config").argument("nowhere.toml").start_in_vain();
    refused(&exited, &["nowhere.toml", "--config"]);
}

#[test]
fn a_route_that_is_configured_twice_names_both() {
    let exited = Server::builder()
        .guest("p2-hello")
        .guest("p3-hello")
        .config(
            "[handlers.p2-hello]\nroutes = [\"GET /same/{x}\"]\n\
             [handlers.p3-hello]\nroutes = [\"GET /same/{y}\"]",
        )
        .start_in_vain();
    refused(&exited, &["p2-hello", "p3-hello", "/same/{x}", "/same/{y}"]);
}

#[test]
fn a_mount_that_is_configured_twice_names_it() {
    let exited = Server::builder()
        .config("[[static]]\nprefix = \"/a\"\ndir = \"one\"\n[[static]]\nprefix = \"/a/\"\ndir = \"two\"")
        .file("one/x", "")
        .file("two/x", "")
        .start_in_vain();
    refused(&exited, &["`/a/`"]);
}

#[test]
fn compiled_code_is_kept_where_only_this_user_may_write() {
    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().join("kept");
    let start = || {
        Server::builder().demo("hello").variable("PATCHBOARD_CODE_CACHE", folder.to_str().unwrap()).start()
    };
    let kept = || files(&folder);
    start().get("/").expect(200, "Hello, world");
    let first = kept();
    assert!(!first.is_empty());
    start().get("/").expect(200, "Hello, world");
    assert_eq!(kept(), first);
    // A file that is damaged is made anew.
    first.iter().for_each(|file| fs::write(file, "damaged").unwrap());
    start().get("/").expect(200, "Hello, world");
    assert!(first.iter().any(|file| fs::read(file).unwrap() != b"damaged"));

    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let server = start();
    server.log.wait_for("chmod go-w");
    server.get("/").expect(200, "Hello, world");
}

/// The compiled code in a cache.
#[allow(clippy::unwrap_used, reason = "a test may panic")]
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(self::files(&path)),
            // Beside them are statistics and locks, with an ending.
            false => files.extend(path.extension().is_none().then_some(path)),
        }
    }
    files.sort();
    files
}

#[test]
fn a_port_that_another_program_has_is_refused() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let exited =
        Server::builder().listen_as_configured().argument("--listen").argument(&address).start_in_vain();
    refused(&exited, &[&address, "--listen"]);
}

#[test]
fn a_second_patchboard_on_the_port_is_refused() {
    let first = Server::builder().start();
    let address = first.address().to_string();
    let exited =
        Server::builder().listen_as_configured().argument("--listen").argument(&address).start_in_vain();
    refused(&exited, &[&address, "another Patchboard"]);
    first.get("/-/live").expect(200, "live\n");
}

#[test]
fn a_port_and_the_configuration_are_reported_together() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let exited = Server::builder()
        .listen_as_configured()
        .argument("--listen")
        .argument(&address)
        .config("[handlers.missing]")
        .start_in_vain();
    refused(&exited, &[&address, "[handlers.missing]"]);
}

#[test]
fn folders_that_are_missing_are_refused() {
    let exited = Server::builder()
        .argument("--handlers")
        .argument("no-handlers")
        .config("[[static]]\nprefix = \"/x\"\ndir = \"no-files\"")
        .start_in_vain();
    refused(&exited, &["no-handlers", "no-files"]);
}

#[test]
fn nothing_to_serve_is_refused_with_what_to_do() {
    let exited = Server::builder().without_config().start_in_vain();
    refused(&exited, &["nothing to serve", "handlers/", "static/", "--config"]);
}

#[test]
fn without_a_configuration_the_two_folders_are_served() {
    let handlers = patchboard_tests::demo_handler("hello");
    let server = Server::builder()
        .without_config()
        .file("handlers/hello.wasm", fs::read(handlers).unwrap())
        .file("static/page.html", "a page")
        .start();
    server.get("/").expect(200, "Hello, world");
    server.get("/page.html").expect(200, "a page");
    let server = Server::builder().without_config().file("static/page.html", "a page").start();
    server.get("/page.html").expect(200, "a page");
    let server = Server::builder()
        .without_config()
        .file("elsewhere/x.txt", "")
        .argument("--handlers")
        .argument("elsewhere")
        .start();
    server.get("/x.txt").expect_error(404);
}

#[test]
fn a_configured_handler_without_its_file_is_refused() {
    let exited = Server::builder().config("[handlers.missing]").start_in_vain();
    refused(&exited, &["handler missing", "[handlers.missing]", "missing.wasm"]);
}

#[test]
fn a_configured_handler_that_is_broken_is_refused() {
    let exited =
        Server::builder().config("[handlers.broken]").component("broken", "(component)").start_in_vain();
    refused(&exited, &["handler broken", "exports no handler"]);
}

#[test]
fn isolation_that_cannot_be_is_refused() {
    let exited = Server::builder()
        .guest("p2-hello")
        .config("[handlers.p2-hello]\nisolation = \"shared\"")
        .start_in_vain();
    refused(&exited, &["handler p2-hello", "one call at a time", "\"reuse\""]);
}

fn with_problems() -> patchboard_tests::ServerBuilder {
    Server::builder()
        .demo("hello")
        .component("empty", "(component)")
        .file("handlers/text.wasm", "no component")
}

#[test]
fn strict_tolerates_nothing() {
    let exited = with_problems().argument("--strict").start_in_vain();
    refused(&exited, &["handler empty", "handler text"]);
    let server = with_problems().start();
    server.get("/").expect(200, "Hello, world");
}

#[test]
fn check_reports_every_component() {
    refused(&with_problems().check(), &["handler empty", "handler text"]);
}

#[test]
fn check_lists_what_would_be_served() {
    let exited = Server::builder()
        .demo("hello")
        .demo("demo1")
        .config("[[static]]\nprefix = \"/x\"\ndir = \"site\"")
        .file("site/x", "")
        .check();
    assert_eq!(exited.code, Some(0), "{}", exited.log);
    for part in ["hello", "GET /", "POST /demo1/{name}", "/x/"] {
        assert!(exited.output.contains(part), "{}", exited.output);
    }
}

#[test]
fn a_log_filter_that_is_none_is_refused() {
    for (filter, said) in [
        ("patchboard=loud=er", "--log: `er` is no level"),
        ("warning", "--log: `warning` is no level; did you mean warn?"),
        ("hyper=loud", "--log: `loud` is no level; write one of off, error, warn"),
    ] {
        refused(&Server::builder().argument("--log").argument(filter).start_in_vain(), &[said]);
    }
    let builder = || Server::builder().variable("PATCHBOARD_LOG", "warning").config("[handlers.missing]");
    let said = "environment variable PATCHBOARD_LOG: `warning` is no level; did you mean warn?";
    for exited in [builder().start_in_vain(), builder().check()] {
        refused(&exited, &[said, "handler missing"]);
        assert!(!exited.log.contains("--log"), "it is said once: {}", exited.log);
    }
}
