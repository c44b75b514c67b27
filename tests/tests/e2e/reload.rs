//! The configuration, changed while the server runs: by SIGHUP and by its file.

use std::fs;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use patchboard_tests::{Server, ServerBuilder, demo_handler, test_guest, wait_until};
use rustix::process::Signal;

const RELOADED: &str = "configuration reloaded";
const REFUSED: &str = "configuration not reloaded";

/// `[server]` as all tests here have it at first, and `tables`.
fn config(tables: &str) -> String {
    format!("[server]\nhandlers = \"handlers\"\n\n{tables}\n")
}

/// A route that answers `text`.
fn answer(route: &str, text: &str) -> String {
    format!("[[response]]\nroute = \"{route}\"\nbody = \"{text}\"\n")
}

fn start(builder: ServerBuilder, tables: &str) -> Server {
    builder.config(tables).start()
}

#[track_caller]
fn wait_for_text(server: &Server, path: &str, text: &str) {
    wait_until(&format!("{path} answers {text:?}"), || server.get(path).text() == text);
}

#[test]
fn a_configuration_that_changes_is_served_soon() {
    let server = start(Server::builder(), &answer("/a", "one"));
    server.get("/a").expect(200, "one");
    server.put("patchboard.toml", config(&answer("/a", "two")));
    wait_for_text(&server, "/a", "two");
    // In place, as some editors do.
    fs::write(server.dir().join("patchboard.toml"), config(&answer("/a", "three"))).unwrap();
    wait_for_text(&server, "/a", "three");
    // By a backup and a new file.
    let file = server.dir().join("patchboard.toml");
    fs::rename(&file, server.dir().join("patchboard.toml~")).unwrap();
    server.get("/a").expect(200, "three");
    fs::write(&file, config(&answer("/a", "four"))).unwrap();
    wait_for_text(&server, "/a", "four");
    assert_eq!(server.log.count(REFUSED), 0);
}

#[test]
fn a_file_that_is_written_slowly_is_read_when_it_is_whole() {
    let server = start(Server::builder(), &answer("/a", "one"));
    // No part of it is valid that has not all that is asked for here.
    let text =
        "response = [\n    { route = \"/a\", body = \"two\" },\n]\nserver = { handlers = \"handlers\" }\n";
    let mut file = fs::File::create(server.dir().join("patchboard.toml")).unwrap();
    // Empty for a while: not what is meant.
    std::thread::sleep(std::time::Duration::from_millis(400));
    for part in text.as_bytes().chunks(8) {
        assert_eq!(server.get("/a").status, 200);
        file.write_all(part).unwrap();
        // As long as a slow disk or network takes; not waited for anything.
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    drop(file);
    wait_for_text(&server, "/a", "two");
}

#[test]
fn sighup_reloads_and_says_where_nothing_has_changed() {
    let server = start(Server::builder().demo("hello"), &answer("/a", "one"));
    server.signal(Signal::HUP);
    server.log.wait_for("configuration reloaded; nothing has changed");
    server.get("/a").expect(200, "one");
    server.get("/").expect(200, "Hello, world");
    assert_eq!(server.log.count("loaded handler"), 1);
}

#[test]
fn an_invalid_configuration_changes_nothing_and_says_all_that_is_wrong_once() {
    let server = start(Server::builder().demo("hello"), &answer("/a", "one"));
    let bad = "[handlers.missing]\n[handlers.hello.limits]\nmemory_bytes = \"1TiB\"\n";
    server.put("patchboard.toml", config(&format!("{}{bad}", answer("/a", "two"))));
    server.log.wait_for(REFUSED);
    server.log.wait_for_all(&["ERROR", "memory_bytes", "expected a size"]);
    let worse = config(&format!("{}{}", answer("/a", "two"), bad.replace("1TiB", "64GiB")));
    let worse = worse.replace("[server]", "[server]\naccess_log_file = \"nowhere/a.log\"");
    server.put("patchboard.toml", worse);
    server.log.wait_for_count(REFUSED, 2);
    server.log.wait_for_all(&["ERROR", "nowhere/a.log"]);
    server.log.wait_for_all(&["ERROR", "handler missing", "there is no file"]);
    server.log.wait_for_all(&["ERROR", "handler hello", "limits.memory_bytes", "restart"]);
    server.get("/a").expect(200, "one");
    server.get("/").expect(200, "Hello, world");
    // What the folder does meanwhile is no reason to say it again.
    server.put("handlers/other.wasm", "no component");
    server.log.wait_for_all(&["ERROR", "handler other"]);
    server.put("patchboard.toml", config(&answer("/a", "three")));
    wait_for_text(&server, "/a", "three");
    assert_eq!(server.log.count(REFUSED), 2, "{:?}", server.log.lines());
}

#[test]
fn a_configuration_may_come_before_its_handler() {
    let server = start(Server::builder(), "");
    let named = "[handlers.greeter]\nroutes = [\"GET /greet\"]\n";
    server.put("patchboard.toml", config(named));
    server.log.wait_for(REFUSED);
    server.get("/greet").expect_error(404);
    server.put("handlers/greeter.wasm", fs::read(test_guest("p2-hello")).unwrap());
    wait_until("/greet answers", || server.get("/greet").status == 200);
    server.log.wait_for(RELOADED);
}

#[test]
fn handlers_that_are_not_concerned_keep_their_instances() {
    let server = start(Server::builder().guest("ill").guest("p2-hello"), "");
    // A call under way, and one after it, in the one instance there is.
    let mut call = server.connect();
    call.send("GET /sleep?ms=1000 HTTP/1.1\r\nHost: test\r\n\r\n");
    server.log.wait_for("sleep: begins");
    server.put("patchboard.toml", config("[handlers.p2-hello]\nroutes = [\"GET /moved\"]\n"));
    wait_until("/moved answers", || server.get("/moved").status == 200);
    server.get("/p2-hello").expect_error(404);
    assert_eq!(server.log.count("loaded handler=\"ill\""), 1);
    assert_eq!(server.log.count("loaded handler=\"p2-hello\""), 2);
    call.reply().expect(200, "slept");
}

#[test]
fn grants_and_limits_are_those_of_the_new_configuration() {
    let server = start(Server::builder().demo("upload"), "");
    let size = |server: &Server| {
        let form = "--b\r\nContent-Disposition: form-data; name=\"image_id\"\r\n\r\n2\r\n--b--\r\n";
        server
            .client()
            .post(&server.url("/upload"), "multipart/form-data; boundary=b", form.as_bytes())
            .status
    };
    let before = size(&server);
    assert_ne!(before, 413);
    server.put("patchboard.toml", config("[handlers.upload.limits]\nrequest_body_bytes = 16\n"));
    wait_until("the limit holds", || size(&server) == 413);
    server.put("patchboard.toml", config(""));
    wait_until("the limit is gone", || size(&server) == before);
}

#[test]
fn mounts_come_go_and_follow_a_folder_that_takes_the_place_of_another() {
    let mount = "[[static]]\nprefix = \"/files\"\ndir = \"site\"\n";
    let server = start(Server::builder().file("site/a.txt", "one"), "");
    server.get("/files/a.txt").expect_error(404);
    server.put("patchboard.toml", config(mount));
    wait_for_text(&server, "/files/a.txt", "one");
    fs::rename(server.dir().join("site"), server.dir().join("old-site")).unwrap();
    fs::create_dir(server.dir().join("site")).unwrap();
    fs::write(server.dir().join("site/a.txt"), "two").unwrap();
    server.signal(Signal::HUP);
    wait_for_text(&server, "/files/a.txt", "two");
    server.put("patchboard.toml", config("[[static]]\nprefix = \"/files\"\ndir = \"nowhere\"\n"));
    server.log.wait_for_all(&["ERROR", "nowhere", "does not exist"]);
    server.get("/files/a.txt").expect(200, "two");
    server.put("patchboard.toml", config(""));
    wait_until("the mount is gone", || server.get("/files/a.txt").status == 404);
}

#[test]
fn a_dropped_in_handler_gives_way_to_a_route_that_is_configured_later() {
    let server = start(Server::builder().demo("hello"), "");
    server.get("/").expect(200, "Hello, world");
    server.put("patchboard.toml", config(&answer("GET /", "configured")));
    wait_for_text(&server, "/", "configured");
    server.log.wait_for_all(&["ERROR", "handler hello", "`GET /`"]);
    server.put("patchboard.toml", config(""));
    wait_for_text(&server, "/", "Hello, world");
}

#[test]
fn what_needs_a_restart_keeps_its_value_and_is_named_in_one_line() {
    let server = start(Server::builder(), &answer("/a", "one"));
    let text = config(&answer("/a", "two"))
        .replace("[server]\n", "[server]\ncores = 7\ninstances = 17\nlisten = \"127.0.0.1:1\"\n");
    server.put("patchboard.toml", text);
    wait_for_text(&server, "/a", "two");
    // Not `listen`: the command line has set it.
    server.log.wait_for_all(&["WARN", "need a restart", "keys=\"cores, instances\""]);
}

#[test]
fn settings_of_connections_are_those_of_the_new_configuration() {
    let server = start(Server::builder(), "");
    let text = config(&answer("/a", "two")).replace("[server]\n", "[server]\nhead_timeout = \"100ms\"\n");
    server.put("patchboard.toml", text);
    wait_for_text(&server, "/a", "two");
    let mut connection = server.connect();
    connection.send("GET / HTTP/1.1\r\nHo");
    assert_eq!(connection.reply().status, 408);
}

#[test]
fn no_request_fails_while_the_configuration_changes_under_load() {
    let server = start(Server::builder().demo("hello").server("access_log = \"off\""), &answer("/a", "0"));
    let changed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for path in ["/a", "/"] {
            let (server, changed) = (&server, &changed);
            scope.spawn(move || {
                let mut connection = server.connect();
                while !changed.load(Ordering::Relaxed) {
                    let reply = connection.get(path);
                    assert_eq!(reply.status, 200, "{reply:?}");
                }
            });
        }
        for change in 1..=10 {
            // The handler is made anew each time.
            let limits = format!("[handlers.hello.limits]\nqueue = {change}\n");
            let text = config(&format!("{}{limits}", answer("/a", &change.to_string())));
            server.put("patchboard.toml", text.replace("[server]\n", "[server]\naccess_log = \"off\"\n"));
            wait_for_text(&server, "/a", &change.to_string());
        }
        changed.store(true, Ordering::Relaxed);
    });
    assert_eq!(server.log.count("ERROR"), 0);
}

#[test]
fn a_configuration_may_come_where_there_was_none() {
    let hello = fs::read(demo_handler("hello")).unwrap();
    let server = Server::builder().without_config().file("handlers/hello.wasm", hello).start();
    server.get("/").expect(200, "Hello, world");
    server.put("patchboard.toml", config(&answer("/a", "one")));
    wait_for_text(&server, "/a", "one");
    server.get("/").expect(200, "Hello, world");
}
