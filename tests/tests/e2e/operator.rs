//! What an operator is told of folders that cannot be read, of limits of the machine, and of
//! what would be served otherwise than was meant.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use patchboard_tests::{Exited, Server, ServerBuilder, demo_handler, test_guest, wait_until};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[track_caller]
fn refused(by: &str, exited: &Exited, parts: &[&str]) {
    assert_eq!(exited.code, Some(2), "{by}: {}", exited.log);
    let is_it = |line: &str| parts.iter().all(|part| line.contains(part));
    assert!(exited.log.lines().any(is_it), "no line with {parts:?} by {by}:\n{}", exited.log);
    assert!(!exited.log.contains("panicked"), "{by}: {}", exited.log);
}

#[test]
fn what_cannot_be_read_is_refused_where_it_is_configured() {
    type Make = fn(ServerBuilder) -> ServerBuilder;
    let mount = |builder: ServerBuilder| {
        builder.file("site/a.txt", "a").config("[[static]]\nprefix = \"/\"\ndir = \"site\"")
    };
    let configured = |builder: ServerBuilder| builder.demo("hello").config("[handlers.hello]");
    let secret = |builder: ServerBuilder| {
        builder
            .server("secrets = \"secrets\"")
            .demo("hello")
            .file("secrets/x", "x")
            .config("[handlers.hello.config]\nx = { secret = \"x\" }")
    };
    let migrations = |builder: ServerBuilder| {
        builder.file("migrations/1.sql", "").config("[sql.notes]\nmigrations = \"migrations\"")
    };
    let log = |builder: ServerBuilder| builder.file("a.log", "").server("access_log_file = \"a.log\"");
    let data = |builder: ServerBuilder| {
        builder.file("data/x", "").guest("sql").config("[handlers.sql]\nsql = \"notes\"")
    };
    let nested = |builder: ServerBuilder| {
        builder
            .file("site/a.txt", "a")
            .config("[[static]]\nprefix = \"/\"\ndir = \"site\"\nshow_index = true")
    };
    let cases: [(&str, u32, Make, &[&str]); 12] = [
        (
            "handlers",
            0,
            |builder| builder,
            &["cannot read the handlers folder handlers", "correct its rights"],
        ),
        // It can be listed, but what is in it cannot be read; and the other way round.
        (
            "handlers",
            0o400,
            |builder| builder,
            &["cannot read the handlers folder handlers", "correct its rights"],
        ),
        (
            "handlers",
            0o100,
            |builder| builder,
            &["cannot read the handlers folder handlers", "correct its rights"],
        ),
        ("handlers/hello.wasm", 0, configured, &["handler hello", "hello.wasm: Permission denied"]),
        ("site", 0, mount, &["static mount `/`", "cannot read the folder site", "correct its rights"]),
        ("site", 0o400, mount, &["static mount `/`", "cannot read the folder site", "correct its rights"]),
        ("site", 0o100, nested, &["static mount `/`", "cannot read the folder site", "correct its rights"]),
        ("secrets/x", 0, secret, &["cannot read the secret", "Permission denied"]),
        ("migrations", 0, migrations, &["cannot read the migrations", "Permission denied"]),
        ("migrations/1.sql", 0, migrations, &["cannot read the migrations", "1.sql", "Permission denied"]),
        ("a.log", 0, log, &["cannot write the access log a.log", "Permission denied"]),
        ("data", 0, data, &["database notes", "data", "Permission denied"]),
    ];
    for (path, mode, make, said) in cases {
        let builder = || {
            let builder = make(Server::builder()).without_powers();
            set_mode(&builder.dir().join(path), mode);
            builder
        };
        refused(&format!("start with {path} {mode:o}"), &builder().start_in_vain(), said);
        refused(&format!("check with {path} {mode:o}"), &builder().check(), said);
    }
    let builder = Server::builder().without_powers().config("");
    let file = builder.file("x", "");
    let exited = file.argument("--config").argument("/proc/1/environ").start_in_vain();
    refused("start", &exited, &["/proc/1/environ: cannot read the configuration", "check --config"]);
}

#[test]
fn what_cannot_be_read_any_more_makes_the_server_unready() {
    let server = Server::builder()
        .demo("hello")
        .file("site/a.txt", "a")
        .config("[[static]]\nprefix = \"/site\"\ndir = \"site\"")
        .without_powers()
        .start();
    for (folder, said, again) in [
        ("handlers", "cannot read the handlers folder", "the handlers folder can be read again"),
        ("site", "cannot read the folder site", "`/site/`: its folder can be read again"),
    ] {
        let path = server.dir().join(folder);
        server.get("/-/ready").expect(200, "ready\n");
        set_mode(&path, 0);
        server.log.wait_for_all(&["ERROR", said]);
        wait_until("it is not ready", || server.get("/-/ready").status == 503);
        server.get("/-/live").expect(200, "live\n");
        server.get("/").expect(200, "Hello, world");
        set_mode(&path, 0o755);
        server.log.wait_for(again);
        wait_until("it is ready", || server.get("/-/ready").status == 200);
        // Away as a whole.
        fs::rename(&path, server.dir().join("away")).unwrap();
        server.log.wait_for_count(said, 2);
        wait_until("it is not ready", || server.get("/-/ready").status == 503);
        fs::rename(server.dir().join("away"), &path).unwrap();
        wait_until("it is ready", || server.get("/-/ready").status == 200);
    }
    server.get("/").expect(200, "Hello, world");
}

#[test]
fn a_static_folder_that_another_takes_the_place_of_is_followed() {
    let builder = Server::builder().file("one/a.txt", "one").file("two/a.txt", "two");
    std::os::unix::fs::symlink("one", builder.dir().join("site")).unwrap();
    let server = builder.config("[[static]]\nprefix = \"/\"\ndir = \"site\"").start();
    server.get("/a.txt").expect(200, "one");
    std::os::unix::fs::symlink("two", server.dir().join("next")).unwrap();
    fs::rename(server.dir().join("next"), server.dir().join("site")).unwrap();
    wait_until("the other folder is served", || {
        let reply = server.get("/a.txt");
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.text() == "two"
    });
    server.log.wait_for_all(&["configuration reloaded", "changed=\"the folder of `/`\""]);
}

#[test]
fn what_is_followed_can_be_chosen() {
    let answer = |text: &str| format!("[[response]]\nroute = \"/a\"\nbody = \"{text}\"\n");
    for (follow, folders) in [("folders", true), ("nothing", false)] {
        let table = format!("[server]\nhandlers = \"handlers\"\nfollow = \"{follow}\"\n");
        let builder = Server::builder().server(&format!("follow = \"{follow}\"")).config(&answer("one"));
        let server = builder.start();
        server.put("patchboard.toml", table.clone() + &answer("two"));
        server.put("handlers/hello.wasm", fs::read(demo_handler("hello")).unwrap());
        if folders {
            wait_until("the handler serves", || server.get("/").status == 200);
        }
        // A whole look later.
        std::thread::sleep(std::time::Duration::from_millis(2500));
        server.get("/a").expect(200, "one");
        assert_eq!(server.get("/").status == 200, folders);
        server.signal(rustix::process::Signal::HUP);
        wait_until("the configuration was taken", || server.get("/a").text() == "two");
        wait_until("the handler serves", || server.get("/").status == 200);
        server.log.wait_for_all(&["configuration reloaded", "changed=\"[[redirect]] or [[response]]\""]);
    }
}

#[test]
fn too_few_threads_are_refused_with_the_remedy() {
    let builder = || {
        // The limit of processes does not hold for root.
        let builder = Server::builder().demo("hello").config("[handlers.missing]");
        set_mode(builder.dir(), 0o755);
        let limited =
            ["prlimit", "--nproc=8:8", "setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"];
        builder.run_by(&limited).server("code_cache = \"off\"")
    };
    if !rustix::process::geteuid().is_root() {
        return;
    }
    for (by, exited) in [("start", builder().start_in_vain()), ("check", builder().check())] {
        refused(by, &exited, &["server.cores: cannot have the", "threads", "ulimit -u", "lower `cores`"]);
    }
}

/// A component that has the section with these routes, and nothing else.
fn with_routes(routes: &[(&str, &str, &str)]) -> Vec<u8> {
    let line = |(id, (method, pattern, name)): (usize, &(&str, &str, &str))| {
        let text = |text: &str| serde_json::to_string(text).unwrap();
        let (pattern, name) = (text(pattern), text(name));
        format!("{{\"v\":2,\"method\":\"{method}\",\"pattern\":{pattern},\"name\":{name},\"id\":{id}}}\n")
    };
    let lines: String = routes.iter().enumerate().map(line).collect();
    let bytes: String = lines.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let module = format!("(core module (@custom \"patchboard:routes\" (after last) \"{bytes}\"))");
    wat::parse_str(format!("(component {module})")).unwrap()
}

#[test]
fn routes_that_would_never_be_reached_or_are_not_apart_are_said() {
    let cases = [
        (
            "reserved",
            with_routes(&[("GET", "/-/mine", "mine")]),
            // It is no handler, which is found first.
            "exports no handler",
        ),
        (
            "twice",
            with_routes(&[("GET", "/a", "a"), ("GET", "/a", "b")]),
            "declares the routes `GET /a` (a) and `GET /a` (b), which are not apart",
        ),
        ("names", with_routes(&[("GET", "/a", "a"), ("GET", "/b", "a")]), "which are not apart"),
        ("slip", with_routes(&[("GTE", "/a", "a")]), "unknown method GTE; did you mean GET?"),
    ];
    let mut builder = Server::builder();
    for (name, bytes, _) in &cases {
        builder = builder.file(&format!("handlers/{name}.wasm"), bytes);
    }
    let exited = builder.check();
    for (name, _, said) in cases {
        refused("check", &exited, &[&format!("handler {name}: "), said]);
    }
    let below = "[[response]]\nroute = \"/-/x\"\nbody = \"\"\n\
                 [handlers.p2-hello]\nroutes = [\"GET /-/hello\"]\n\
                 [[static]]\nprefix = \"/-/files\"\ndir = \"site\"\n";
    let builder = || Server::builder().guest("p2-hello").file("site/x", "").config(below);
    for (by, exited) in [("start", builder().start_in_vain()), ("check", builder().check())] {
        for what in ["fixed response", "handler p2-hello", "static mount `/-/files/`"] {
            refused(by, &exited, &[what, "/-/", "which the server itself has", "give it another route"]);
        }
    }
    let exited = Server::builder()
        .guest("p2-hello")
        .config("[handlers.p2-hello]\nroutes = [\"GET /a\", \"GET /a\"]\n")
        .start_in_vain();
    refused(
        "start",
        &exited,
        &["handler p2-hello: has the routes `GET /a` and `GET /a`", "not apart", "remove one"],
    );
}

#[test]
fn what_is_configured_in_vain_is_said() {
    let config = "[sql.unused]\n[key_value.unused]\n[blob.unused]\n\
                  [[static]]\nprefix = \"/\"\ndir = \"site\"\nnot_found = \"404.html\"\nfallback = \"app.html\"\n\
                  error_pages = { 403 = \"a.txt\" }\n";
    let builder = || Server::builder().file("site/a.txt", "").config(config);
    let said = [
        "[sql.unused] is configured, but no handler is granted it; add sql = \"unused\" to one, or remove the table",
        "[key_value.unused] is configured, but no handler is granted it",
        "[blob.unused] is configured, but no handler is granted it",
        "static mount `/`: the page for 404, site/404.html, is no file that can be read; add it, or correct the key",
        "static mount `/`: fallback, site/app.html, is no file",
    ];
    let exited = builder().check();
    assert_eq!(exited.code, Some(0), "{}", exited.log);
    let server = builder().start();
    for said in said {
        let is_it = |line: &str| line.starts_with("warning: patchboard.toml:") && line.contains(said);
        assert!(exited.log.lines().any(is_it), "{said}: {}", exited.log);
        server.log.wait_for_all(&["WARN", said]);
    }
    assert!(!exited.log.contains("403"), "{}", exited.log);
}

#[test]
fn versions_of_wasi_that_are_not_offered_are_named() {
    let import = |interface: &str| format!("(import \"{interface}\" (instance (export \"x\" (func))))");
    let component = |import: &str, export: &str| {
        format!("(component {import} (instance $i) (export \"{export}\" (instance $i)))")
    };
    let candidate = "wasi:http/handler@0.3.0-rc-2026-01-06";
    let exited = Server::builder()
        .component("export", &component("", candidate))
        .component(
            "import",
            &component(&import("wasi:http/types@0.3.0-rc-2025-09-16"), "wasi:http/handler@0.3.0"),
        )
        .component("clock", &component(&import("wasi:clocks/wall-clock@0.4.0"), "wasi:http/handler@0.3.0"))
        .check();
    for (name, said) in [
        ("export", "it is built for wasi:http 0.3.0-rc-2026-01-06, and this server has 0.2.12 and 0.3.0"),
        ("import", "it is built for wasi:http 0.3.0-rc-2025-09-16, and this server has 0.2.12 and 0.3.0"),
        ("clock", "it is built for wasi:clocks 0.4.0, and this server has 0.2.12 and 0.3.0"),
    ] {
        refused("check", &exited, &[&format!("handler {name}: "), said, "build it anew"]);
    }
}

#[test]
fn what_a_component_brings_is_printable_wherever_it_is_shown() {
    let odd = [("GET", "/a", "evil\u{1b}]0;title\u{7}"), ("GET", "/\u{202e}x", "b\nERROR forged")];
    let odd = with_routes(&odd);
    // Of the same length as its name.
    let mut hello = fs::read(demo_handler("hello")).unwrap();
    let name = b"\"name\":\"hello\"";
    let of_name = |(_, window): &(usize, &[u8])| *window == name;
    let places: Vec<_> = hello.windows(name.len()).enumerate().filter(of_name).map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "the name is in the component");
    for at in places {
        hello[at + 8..at + 13].copy_from_slice("\u{9b}abc".as_bytes());
    }
    let builder = || Server::builder().file("handlers/odd.wasm", &odd).file("handlers/hello.wasm", &hello);
    let server = builder().start();
    server.log.wait_for("handler odd");
    server.get("/").expect(200, "Hello, world");
    let (check, routes, json) = (builder().check(), builder().routes(&[]), builder().routes(&["--json"]));
    let explained = builder().routes(&["explain", "GET", "/a"]);
    let texts =
        [routes.output, json.output, check.log, check.output, routes.log, explained.log, explained.output];
    for text in texts.iter().chain(&server.log.lines()) {
        let acts = |character: char| character.is_control() && character != '\n' || character == '\u{202e}';
        assert!(!text.contains(acts), "{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("ERROR forged")), "{text:?}");
    }
    assert!(texts[0].contains("hello.\u{fffd}abc") && texts[0].contains("/\u{fffd}x"), "{}", texts[0]);
    assert!(texts[1].contains("hello.\u{fffd}abc"), "{}", texts[1]);
}

#[test]
fn files_that_are_no_components_are_said_to_be_what_they_are() {
    let whole = fs::read(test_guest("p2-hello")).unwrap();
    let exited = Server::builder()
        .file("handlers/empty.wasm", "")
        .file("handlers/cut.wasm", &whole[..whole.len() / 2])
        .file("handlers/zip.wasm", b"PK\x03\x04")
        .file("handlers/text.wasm", "(component)")
        .check();
    for (name, said) in [
        ("empty", "it is empty; copy it again"),
        ("cut", "the file is cut off; copy it again"),
        ("zip", "it is a compressed file; unpack it first"),
        ("text", "it is text; build it"),
    ] {
        refused("check", &exited, &[&format!("handler {name}: "), said]);
    }
}

/// A control group, which ends with the value.
struct Group(std::path::PathBuf);

impl Group {
    /// Of `controller`, with `limits`; none where this machine does not let tests make any.
    fn new(controller: &str, limits: &[(&str, &str)]) -> Option<Self> {
        let root = Path::new("/sys/fs/cgroup").join(controller);
        let group = Self(root.join(format!("patchboard-test-{}-{}", std::process::id(), limits[0].1)));
        fs::create_dir(&group.0).ok()?;
        limits.iter().try_for_each(|(file, limit)| fs::write(group.0.join(file), limit)).ok()?;
        Some(group)
    }

    /// A server that runs in it.
    fn builder(&self) -> ServerBuilder {
        let enter = format!("echo $$ > '{}/cgroup.procs'; exec \"$@\"", self.0.display());
        Server::builder().demo("hello").run_by(&["sh", "-c", &enter, "sh"])
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Who was in it may take a moment to be gone.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

#[test]
fn in_a_container_it_starts_or_says_why_not() {
    if let Some(few) = Group::new("pids", &[("pids.max", "12")]) {
        let said = ["server.cores: cannot have the", "pids.max of a container"];
        refused("start", &few.builder().start_in_vain(), &said);
        refused("check", &few.builder().check(), &said);
    }
    if let Some(enough) = Group::new("pids", &[("pids.max", "100")]) {
        enough.builder().start().get("/").expect(200, "Hello, world");
    }
    if let Some(small) = Group::new("memory", &[("memory.limit_in_bytes", "268435456")]) {
        small.builder().start().get("/").expect(200, "Hello, world");
    }
    // Nothing can be written but what is mounted for it, as with `readOnlyRootFilesystem`.
    let read_only = "mount -o remount,bind,ro / && exec \"$@\"";
    let unshared = ["unshare", "--mount", "sh", "-c", read_only, "sh"];
    let allowed = std::process::Command::new("unshare").args(&unshared[1..]).arg("true").output();
    if allowed.is_ok_and(|output| output.status.success()) {
        let cached = patchboard_tests::code_cache();
        let builder = || Server::builder().demo("hello").run_by(&unshared);
        let server = builder().variable("PATCHBOARD_CODE_CACHE", cached.to_str().unwrap()).start();
        server.get("/").expect(200, "Hello, world");
        let server = builder().variable("PATCHBOARD_CODE_CACHE", "/nowhere/cache").start();
        server.log.wait_for_all(&["WARN no code cache in /nowhere/cache", "Read-only file system"]);
        server.get("/").expect(200, "Hello, world");
        let keeps = || builder().guest("sql").config("[handlers.sql]\nsql = \"notes\"");
        refused("start", &keeps().start_in_vain(), &["database notes", "Read-only file system"]);
        refused("check", &keeps().check(), &["database notes", "Read-only file system"]);
    }
}
