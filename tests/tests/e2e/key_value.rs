//! Key-value buckets of handlers: grants, isolation, the interfaces, and what a store
//! that is slow or down does to calls.

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use patchboard_tests::{PATIENCE, Redis, Server, ServerBuilder, wait_until};
use rustix::process::Signal;

const GRANTED: &str = "[handlers.key-value]\nkey_value = \"default\"\n";

fn post(server: &Server, path: &str, body: &str) -> String {
    server.client().post(&server.url(path), "text/plain", body.as_bytes()).text().to_owned()
}

#[track_caller]
fn expect_problems(builder: ServerBuilder, expected: &[&str]) {
    let exited = builder.check();
    assert_eq!(exited.code, Some(2), "{}", exited.log);
    for expected in expected {
        assert!(exited.log.contains(expected), "{expected}: {}", exited.log);
    }
}

#[test]
fn what_is_not_granted_is_refused_at_load_with_the_remedy() {
    expect_problems(
        Server::builder().guest("key-value").guest("p2-key-value"),
        &[
            "handler key-value: imports patchboard:handler/key-value, which is not granted; \
             add key_value = \"default\" to [handlers.key-value]",
            "handler p2-key-value: imports wasi:keyvalue/",
            "which are not granted; add key_value = \"default\" to [handlers.p2-key-value]",
        ],
    );
}

#[test]
fn a_bucket_does_what_it_should() {
    let server = Server::builder().guest("key-value").config(GRANTED).start();
    server.get("/get/default/k").expect(200, "none");
    assert_eq!(post(&server, "/set/default/k", "value"), "set");
    server.get("/get/default/k").expect(200, "value");
    server.get("/get/other/k").expect(200, "error: the bucket is not granted");
    server.log.wait_for_all(&["bucket \"other\" is not granted", "[handlers.key-value]"]);
    assert_eq!(
        post(&server, "/all/default", ""),
        "[\"1\", \"none\", \"3\"] (true, false) 42 Found(Some([51])) Done [\"a\", \"c\", \"k\"] [\"k\"]"
    );
    let long = "x".repeat(1025);
    let told = server.get(&format!("/get/default/{long}")).text().to_owned();
    assert_eq!(told, "error: a key of 1025 bytes is longer than 1024 (key_bytes)");
}

#[test]
fn a_bucket_is_its_handlers_own_unless_it_is_shared() {
    let routes = |name: &str| {
        format!(
            "[handlers.{name}]\nkey_value = [\"default\", \"common\"]\nroutes = [\
             {{ route = \"GET /{name}/get/{{bucket}}/{{key}}\", name = \"read\" }}, \
             {{ route = \"POST /{name}/set/{{bucket}}/{{key}}\", name = \"set\" }}]\n"
        )
    };
    let server = Server::builder()
        .guest_as("key-value", "one")
        .guest_as("key-value", "two")
        .config(&(routes("one") + &routes("two")))
        .config("[key_value.common]\nshared = true")
        .start();
    for bucket in ["default", "common"] {
        assert_eq!(post(&server, &format!("/one/set/{bucket}/k"), "of one"), "set");
        server.get(&format!("/one/get/{bucket}/k")).expect(200, "of one");
    }
    server.get("/two/get/default/k").expect(200, "none");
    server.get("/two/get/common/k").expect(200, "of one");
}

#[test]
fn many_calls_that_swap_the_same_value_lose_none() {
    const CLIENTS: usize = 16;
    const CALLS: usize = 10;
    let server = Server::builder().server("cores = 2").guest("key-value").config(GRANTED).start();
    let lengths: Vec<String> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let append = || post(&server, "/append/default/k", "");
                scope.spawn(move || (0..CALLS).map(|_| append()).collect::<Vec<_>>())
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let different: BTreeSet<_> = lengths.iter().collect();
    assert_eq!(different.len(), CLIENTS * CALLS, "{lengths:?}");
    assert_eq!(server.get("/get/default/k").text().len(), CLIENTS * CALLS);
}

/// One core, one shared instance, and buckets in Redis and in memory.
fn with_redis(redis: &Redis, lines: &str) -> Server {
    Server::builder()
        .server("cores = 1")
        .variable("REDIS", &redis.url())
        .guest("key-value")
        .config("[handlers.key-value]\nkey_value = [\"default\", \"memory\"]")
        .config(lines)
        .config("[key_value.default]\nbackend = \"redis\"\nurl = { variable = \"REDIS\" }\ntimeout = \"20s\"")
        .config("[key_value.memory]\nbackend = \"memory\"")
        .start()
}

#[test]
fn an_operation_that_waits_delays_no_neighbour() {
    let redis = Redis::start();
    let server = with_redis(&redis, "");
    assert_eq!(post(&server, "/set/default/k", "in redis"), "set");
    redis.freeze();
    let start = Instant::now();
    let mut waiting = server.connect();
    waiting.send("GET /get/default/k HTTP/1.1\r\nHost: test\r\n\r\n");
    for _ in 0..20 {
        server.get("/ok").expect(200, "ok");
        server.get("/get/memory/k").expect(200, "none");
    }
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    redis.thaw();
    waiting.reply().expect(200, "in redis");
}

#[test]
fn who_leaves_gives_up_the_place_of_the_operation() {
    let redis = Redis::start();
    let server = with_redis(&redis, "[handlers.key-value.limits]\nkey_value_calls = 1");
    server.get("/get/default/k").expect(200, "none");
    redis.freeze();
    let mut leaving = server.connect();
    leaving.send("GET /get/default/k HTTP/1.1\r\nHost: test\r\n\r\n");
    // The one place is taken when another call, behind it in the instance, has run.
    server.get("/ok").expect(200, "ok");
    let mut behind = server.connect();
    behind.send("GET /get/memory/k HTTP/1.1\r\nHost: test\r\n\r\n");
    let start = Instant::now();
    drop(leaving);
    behind.reply().expect(200, "none");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    redis.thaw();
}

#[test]
fn a_redis_that_is_down_is_said_and_comes_back() {
    let mut redis = Redis::start();
    redis.kill();
    let server = with_redis(&redis, "");
    let address = redis.url().replace("redis://", "");
    let down = format!("error: redis at {address} refuses connections");
    server.get("/get/default/k").expect(200, &down);
    server.get("/get/memory/k").expect(200, "none");
    redis.restart();
    wait_until("redis is used", || server.get("/get/default/k").text() == "none");
    assert_eq!(post(&server, "/set/default/k", "kept"), "set");
    redis.kill();
    wait_until("redis is missed", || server.get("/get/default/k").text() == down);
    redis.restart();
    wait_until("redis is used again", || server.get("/get/default/k").text() == "kept");
    // Once for each time that it went; that the connection has ended may be said before.
    assert_eq!(server.log.count("refuses connections; start it, or correct its `url`; operations fail"), 2);
}

#[test]
fn values_in_the_file_outlive_the_server_that_has_it_alone() {
    let data = tempfile::tempdir().unwrap();
    let line = format!("data = \"{}\"", data.path().join("made/later").display());
    let builder = || Server::builder().server(&line).guest("key-value").config(GRANTED);
    let server = builder().start();
    assert_eq!(post(&server, "/set/default/k", "kept"), "set");
    // Of another configuration: neither a start nor its check has what the server holds.
    for exited in [builder().check(), builder().start_in_vain()] {
        assert_eq!(exited.code, Some(2));
        assert!(exited.log.contains("another server has it open"), "{}", exited.log);
    }
    server.stop();
    let server = builder().start();
    server.get("/get/default/k").expect(200, "kept");
}

#[test]
fn nothing_is_made_where_nothing_is_kept_in_a_file() {
    let server = Server::builder()
        .guest("key-value")
        .config(GRANTED)
        .config("[key_value.default]\nbackend = \"memory\"")
        .start();
    assert_eq!(post(&server, "/set/default/k", "v"), "set");
    assert!(!server.dir().join("data").exists());
}

#[test]
fn values_outlive_a_reload() {
    let config = |more: &str| {
        format!(
            "[server]\nhandlers = \"handlers\"\n[handlers.key-value]\nkey_value = [\"file\", \"memory\"]\n{more}\n\
             [key_value.memory]\nbackend = \"memory\"\n"
        )
    };
    let server = Server::builder()
        .guest("key-value")
        .config("[handlers.key-value]\nkey_value = [\"file\", \"memory\"]")
        .config("[key_value.memory]\nbackend = \"memory\"")
        .start();
    for bucket in ["file", "memory"] {
        assert_eq!(post(&server, &format!("/set/{bucket}/k"), bucket), "set");
    }
    // The handler is another one; what is granted is the same, with what is in it.
    server.put("patchboard.toml", config("environment = { A = \"b\" }"));
    server.signal(Signal::HUP);
    server.log.wait_for("configuration reloaded");
    for bucket in ["file", "memory"] {
        server.get(&format!("/get/{bucket}/k")).expect(200, bucket);
    }
    // A limit of a bucket is part of what a handler was granted.
    server.put("patchboard.toml", config("") + "key_bytes = 4\n");
    server.signal(Signal::HUP);
    wait_until("the limit is in force", || server.get("/get/memory/12345").text().contains("key_bytes"));
    server.get("/get/memory/k").expect(200, "memory");
}

#[test]
fn handles_are_bounded() {
    let server = Server::builder()
        .guest("key-value")
        .config(GRANTED)
        .config("[handlers.key-value.limits]\nhandles = 100")
        .start();
    let text = server.get("/hoard/default").text().to_owned();
    let (count, error) = text.split_once(": ").unwrap();
    assert!((80..=100).contains(&count.parse::<u32>().unwrap()), "{text}");
    assert!(error.contains("limits.handles"), "{text}");
    server.get("/get/default/k").expect(200, "none");
}

#[test]
fn a_neighbour_of_a_trap_that_has_counted_is_not_run_again() {
    let server = Server::builder().server("cores = 1").guest("key-value").config(GRANTED).start();
    let mut neighbour = server.connect();
    neighbour.send("GET /count-and-sleep/default/n HTTP/1.1\r\nHost: test\r\n\r\n");
    wait_until("it has counted", || server.get("/get/default/n").text() == "1");
    server.get("/trap").expect_error(500);
    neighbour.reply().expect_error(500);
    server.get("/get/default/n").expect(200, "1");
}

#[test]
fn components_of_0_2_keep_values_by_wasi_keyvalue() {
    const SEEN: &str = "[Some((\"a\", [49])), None, Some((\"d\", [52]))] (true, false) 42 Some([51]) \
                        Some([53]) true Some([54]) [\"a\", \"c\", \"d\"] None []";
    for isolation in ["request", "reuse"] {
        let server = Server::builder()
            .guest("p2-key-value")
            .config("[handlers.p2-key-value]\nkey_value = \"default\"")
            .config(&format!("isolation = \"{isolation}\""))
            .start();
        for _ in 0..2 {
            server.get("/p2-key-value/default").expect(200, SEEN);
        }
        server.get("/p2-key-value/other").expect(200, "error: Error::AccessDenied");
    }
}

#[test]
fn values_that_cas_handles_keep_count_as_memory() {
    let server = Server::builder()
        .guest("p2-key-value")
        .config("[handlers.p2-key-value]\nkey_value = \"default\"")
        .config("[handlers.p2-key-value.limits]\nmemory_bytes = \"32MiB\"")
        .start();
    let text = server.get("/p2-key-value/hoard/default").text().to_owned();
    let (count, error) = text.split_once(' ').unwrap();
    assert!((16..32).contains(&count.parse::<u32>().unwrap()), "{text}");
    assert!(error.contains("limits.memory_bytes"), "{text}");
}

#[test]
fn wasi_keyvalue_is_not_for_shared_instances() {
    let granted = "[handlers.waiting]\nkey_value = \"default\"";
    let server = Server::builder().guest("waiting").config(granted).start();
    server.log.wait_for_all(&["handler=\"waiting\"", "isolation=reuse"]);
    server.get("/waiting").expect(200, "Ok(2) Ok(Some([50])) Ok(Some([50]))");
    server.get("/waiting").expect(200, "Ok(4) Ok(Some([52])) Ok(Some([52]))");
    expect_problems(
        Server::builder().guest("waiting").config(granted).config("isolation = \"shared\""),
        &[
            "imports wasi:keyvalue/",
            "would hold every call of a shared instance; use patchboard:handler/key-value, \
             or set isolation = \"request\" or \"reuse\" in [handlers.waiting]",
        ],
    );
}

#[test]
fn what_is_wrong_with_buckets_is_said_at_once() {
    expect_problems(
        Server::builder()
            .server("secrets = \"secrets\"")
            .guest("key-value")
            .file("secrets/redis", "http://:s3cret@example.com")
            .config("[handlers.key-value]\nkey_value = [\"a/b\", \"twice\", \"twice\"]")
            .config("[handlers.key-value.limits]\nkey_value_calls = 0")
            .config("[key_value.one]\nbackend = \"disk\"\n[key_value.two]\nbackend = \"redis\"")
            .config("[key_value.three]\nbackend = \"redis\"\nurl = { secret = \"redis\" }\nmemory_bytes = 1")
            .config("[key_value.four]\nurl = \"redis://127.0.0.1\"\nshare = true\nvalue_bytes = \"32MiB\"")
            .config("[key_value.five]\ntimeout = \"0s\"\n[key_value.\"s i x\"]"),
        &[
            "`a/b`: the name of a bucket has letters",
            "`twice` is there twice",
            "key_value_calls",
            "expected \"memory\", \"file\" or \"redis\", found \"disk\"",
            "key_value.two: backend = \"redis\" needs `url`",
            "key_value.three: url is not the URL of a Redis",
            "memory_bytes is for backend = \"memory\"",
            "url is for backend = \"redis\"",
            "unknown key `share` in [key_value.four]; did you mean `shared`?",
            "batch_bytes must be at least value_bytes",
            "key_value.five.timeout: expected a time from 1ms",
            "`s i x`: the name of a bucket",
        ],
    );
}

#[test]
fn a_password_is_in_no_log_and_no_answer() {
    let mut redis = Redis::start();
    redis.kill();
    let url = redis.url().replace("redis://", "redis://:s3cret@");
    let server = Server::builder()
        .server("secrets = \"secrets\"")
        .file("secrets/redis", url)
        .guest("key-value")
        .config(GRANTED)
        .config("[key_value.default]\nbackend = \"redis\"\nurl = { secret = \"redis\" }")
        .start();
    let get = || {
        let text = server.get("/get/default/k").text().to_owned();
        assert!(!text.contains("s3cret"), "{text}");
        text
    };
    assert!(get().contains("refuses connections"));
    // It takes no password, and then the right one.
    redis.restart();
    wait_until("redis refuses the password", || get().contains("refuses this server"));
    redis.command("CONFIG SET requirepass s3cret");
    let deadline = Instant::now() + PATIENCE;
    while get() != "none" {
        assert!(Instant::now() < deadline);
    }
    assert_eq!(server.log.count("s3cret"), 0);
    let data = fs::read_dir(server.dir().join("data"));
    assert!(data.is_err(), "nothing is kept in a file");
}

#[test]
fn redis_is_reached_over_tls_by_whom_the_machine_trusts() {
    let redis = Redis::start_with_tls();
    let server = |certificates: &str| {
        Server::builder()
            .variable("SSL_CERT_FILE", certificates)
            .guest("key-value")
            .config(GRANTED)
            .config(&format!("[key_value.default]\nbackend = \"redis\"\nurl = \"{}\"", redis.url()))
            .start()
    };
    let trusting = server(&redis.certificate().display().to_string());
    assert_eq!(post(&trusting, "/set/default/k", "v"), "set");
    trusting.get("/get/default/k").expect(200, "v");
    let wary = server("/dev/null");
    let text = wary.get("/get/default/k").text().to_owned();
    assert!(text.starts_with("error: redis at 127.0.0.1:"), "{text}");
}
