//! Deploys lose no request, whichever tool makes them, and a slow one holds up nobody else.

use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use patchboard_tests::{Server, ServerBuilder, SetOnDrop, hello_that_says, test_guest, wait_until};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;

/// Deployed in turns, so that each is compiled once.
const VERSIONS: [&str; 2] = ["hello from 0.2", "HELLO FROM 0.2"];
const DEPLOYS: usize = 20;

/// Puts version `number` of the handler `name` in its place; the files of the versions are
/// `../versions/NUMBER.wasm`, of one length and date.
type Tool = fn(handlers: &Path, name: &str, number: usize);

#[track_caller]
fn run(folder: &Path, script: &str) {
    let status = Command::new("sh").args(["-ec", script]).current_dir(folder).status().unwrap();
    assert!(status.success(), "{script}");
}

/// As rsync does: a hidden file beside it, with the date of the source, in its place.
fn rsync(handlers: &Path, name: &str, number: usize) {
    let part = handlers.join(format!(".{name}.wasm.x7Yz"));
    fs::copy(version(handlers, number), &part).unwrap();
    File::options().write(true).open(&part).unwrap().set_times(date()).unwrap();
    fs::rename(part, handlers.join(format!("{name}.wasm"))).unwrap();
}

/// As `rsync --inplace` does: block by block into the file that is there, then its date.
fn rsync_inplace(handlers: &Path, name: &str, number: usize) {
    let bytes = fs::read(version(handlers, number)).unwrap();
    let file = OpenOptions::new().write(true).open(handlers.join(format!("{name}.wasm"))).unwrap();
    for (index, block) in bytes.chunks(16 << 10).enumerate() {
        file.write_all_at(block, index as u64 * (16 << 10)).unwrap();
    }
    file.set_len(bytes.len() as u64).unwrap();
    file.set_times(date()).unwrap();
}

fn version(handlers: &Path, number: usize) -> std::path::PathBuf {
    handlers.join(format!("../versions/{number}.wasm"))
}

/// Long ago, and of all versions the same.
fn date() -> FileTimes {
    FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000))
}

const TOOLS: [(&str, Tool); 10] = [
    ("install", |at, name, n| run(at, &format!("install -m644 ../versions/{n}.wasm {name}.wasm"))),
    ("cp", |at, name, n| run(at, &format!("cp ../versions/{n}.wasm {name}.wasm"))),
    ("cp-p", |at, name, n| run(at, &format!("cp -p ../versions/{n}.wasm {name}.wasm"))),
    ("rm-cp", |at, name, n| run(at, &format!("rm {name}.wasm; cp ../versions/{n}.wasm {name}.wasm"))),
    ("mv", |at, name, n| run(at, &format!("cp ../versions/{n}.wasm ../{name}; mv ../{name} {name}.wasm"))),
    ("tar", |at, name, n| run(at, &format!("tar xf ../versions/{name}-{n}.tar"))),
    ("git", |at, _, n| run(at, &format!("git --git-dir=../git --work-tree=. checkout -q -f v{n}"))),
    ("link", |at, name, n| run(at, &format!("ln -sfn ../versions/{n}.wasm {name}.wasm"))),
    ("rsync", rsync),
    ("rsync-inplace", rsync_inplace),
];

/// A server with both versions beside its handlers, and what tar and git have made of them.
fn builder() -> ServerBuilder {
    let builder = Server::builder().server("access_log = \"off\"");
    let bytes = fs::read(test_guest("p2-hello")).unwrap();
    let text = VERSIONS[0].as_bytes();
    let at = bytes.windows(text.len()).position(|window| window == text).unwrap();
    fs::create_dir(builder.dir().join("versions")).unwrap();
    for (number, text) in VERSIONS.iter().enumerate() {
        let mut bytes = bytes.clone();
        bytes[at..at + text.len()].copy_from_slice(text.as_bytes());
        let mut file = File::create(builder.dir().join(format!("versions/{number}.wasm"))).unwrap();
        file.write_all(&bytes).unwrap();
        file.set_times(date()).unwrap();
    }
    builder
}

/// Asks for `path` again and again on a connection of its own while `work` goes on; each
/// answer is one of the versions'.
fn under_load(server: &Server, path: &str, work: impl FnOnce()) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let client = scope.spawn(|| {
            let mut connection = server.connect();
            let mut asked = 0;
            while !done.load(Ordering::Relaxed) {
                let reply = connection.get(path);
                let is_of_a_version = VERSIONS.iter().any(|text| reply.text().starts_with(text));
                assert!(reply.status == 200 && is_of_a_version, "{path}, request {asked}: {reply:?}");
                asked += 1;
                // Others have their turn on two CPUs.
                thread::yield_now();
            }
            asked
        });
        let _done = SetOnDrop(&done);
        work();
        done.store(true, Ordering::Relaxed);
        assert!(client.join().expect("no request fails") > DEPLOYS);
    });
}

#[track_caller]
fn wait_for_version(server: &Server, path: &str, number: usize) {
    wait_until(&format!("{path} is of version {number}"), || {
        server.get(path).text().starts_with(VERSIONS[number])
    });
}

#[test]
fn no_tool_loses_a_request() {
    let builder = builder();
    let dir = builder.dir();
    for (name, _) in TOOLS {
        fs::copy(dir.join("versions/0.wasm"), dir.join(format!("handlers/{name}.wasm"))).unwrap();
    }
    run(
        dir,
        "cd versions; for n in 0 1; do cp -p $n.wasm tar.wasm; tar cf tar-$n.tar tar.wasm; done; rm tar.wasm; cd ..
         git init -q --bare git; git --git-dir=git config core.bare false
         g() { git --git-dir=git --work-tree=handlers -c user.name=a -c user.email=a@b \"$@\"; }
         for n in 1 0; do cp versions/$n.wasm handlers/git.wasm; g add git.wasm; g commit -qm $n; g tag v$n; done",
    );
    let server = builder.start();
    thread::scope(|scope| {
        for (name, tool) in TOOLS {
            let server = &server;
            scope.spawn(move || {
                let path = format!("/{name}");
                under_load(server, &path, || {
                    for deploy in 1..=DEPLOYS {
                        tool(&server.dir().join("handlers"), name, deploy % 2);
                        wait_for_version(server, &path, deploy % 2);
                    }
                });
            });
        }
    });
    assert_eq!(server.log.count("removed"), 0, "{:?}", server.log.lines());
    expect_no_loss(&server);
}

/// Who writes into the file that is there may be seen in the middle of it, and a busy machine may
/// take seconds between two steps of a tool: that is said, and costs nothing.
#[track_caller]
fn expect_no_loss(server: &Server) {
    let said = ["the version before goes on serving", "what was loaded serves on"];
    let said: usize = said.iter().map(|text| server.log.count(text)).sum();
    assert_eq!(server.log.count("ERROR"), said, "{:?}", server.log.lines());
}

#[test]
fn a_folder_that_is_made_again_and_a_link_that_is_switched_lose_none() {
    let replace = "rm -rf handlers; mkdir handlers; cp versions/$n.wasm handlers/a.wasm";
    let swap = "mkdir new; cp versions/$n.wasm new/a.wasm; mv handlers old; mv new handlers; rm -r old";
    let switch = "ln -sfn release-$n handlers";
    thread::scope(|scope| {
        for script in [replace, swap, switch] {
            scope.spawn(move || {
                let builder = builder();
                run(
                    builder.dir(),
                    "for n in 0 1; do mkdir release-$n; cp versions/$n.wasm release-$n/a.wasm; done",
                );
                match script.contains("ln") {
                    true => run(builder.dir(), "rmdir handlers; ln -s release-0 handlers"),
                    false => run(builder.dir(), "cp versions/0.wasm handlers/a.wasm"),
                }
                let server = builder.start();
                under_load(&server, "/a", || {
                    for deploy in 1..=DEPLOYS {
                        run(server.dir(), &format!("n={}; {script}", deploy % 2));
                        wait_for_version(&server, "/a", deploy % 2);
                    }
                });
                expect_no_loss(&server);
            });
        }
    });
}

#[test]
fn a_handler_that_is_renamed_keeps_its_routes_and_the_log_says_so_in_order() {
    let server = Server::builder().demo("hello").start();
    let names = ["hello", "other"];
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut connection = server.connect();
            while !done.load(Ordering::Relaxed) {
                connection.get("/").expect(200, "Hello, world");
            }
        });
        let _done = SetOnDrop(&done);
        for turn in 0..DEPLOYS {
            let (from, to) = (names[turn % 2], names[(turn + 1) % 2]);
            fs::rename(server.handler_file(from), server.handler_file(to)).unwrap();
            server.log.wait_for_count("loaded handler=", turn + 2);
        }
    });
    let lines = server.log.lines();
    let told: Vec<_> = lines
        .iter()
        .filter_map(|line| line.split_once("INFO ").map(|(_, told)| told))
        .map(|told| told.split(" digest=").next().unwrap_or_default().to_owned())
        .collect();
    let turns = (0..DEPLOYS).flat_map(|turn| {
        let (from, to) = (names[turn % 2], names[(turn + 1) % 2]);
        [
            format!("removed; its routes are those of {to} now handler=\"{from}\""),
            format!("loaded handler=\"{to}\""),
        ]
    });
    let expected: Vec<_> = ["loaded handler=\"hello\"".to_owned()].into_iter().chain(turns).collect();
    assert_eq!(told, expected);
    assert_eq!(server.log.count("ERROR"), 0, "{lines:?}");
}

#[test]
fn a_handler_whose_routes_were_taken_says_when_it_has_them() {
    let server = Server::builder().demo("hello").start();
    server.put("handlers/another.wasm", hello_that_says("Hello, again"));
    server.log.wait_for_all(&["ERROR", "handler another: ", "its routes answer 503"]);
    fs::remove_file(server.handler_file("hello")).unwrap();
    server.log.wait_for("serves: its routes are free now handler=\"another\"");
    server.log.wait_for("removed handler=\"hello\"");
    server.get("/").expect(200, "Hello, again");
}

#[test]
fn a_configured_handler_whose_file_is_gone_is_no_404() {
    let server = builder().guest("p2-hello").config("[handlers.p2-hello]\nroutes = [\"GET /greet\"]").start();
    wait_for_version(&server, "/greet", 0);
    fs::remove_file(server.handler_file("p2-hello")).unwrap();
    server.log.wait_for_all(&["ERROR handler p2-hello: ", "p2-hello.wasm is gone", "put it back"]);
    server.get("/greet").expect_error(503);
    fs::copy(server.dir().join("versions/1.wasm"), server.handler_file("p2-hello")).unwrap();
    wait_for_version(&server, "/greet", 1);
}

/// A component that takes a minute or more to compile.
fn slow() -> Vec<u8> {
    let functions = "(func (param i32) (result i32) local.get 0 i32.const 7 i32.mul)".repeat(200_000);
    wat::parse_str(format!("(component (core module {functions}))")).unwrap()
}

#[test]
fn a_slow_compilation_holds_up_no_deploy_and_no_reload() {
    let server = Server::builder().demo("hello").config("").start();
    server.put("handlers/slow.wasm", slow());
    let line = server.log.wait_for("compiling slow (");
    assert!(line.ends_with(" MB)"), "{line}");
    // Its routes are known before it is compiled.
    wait_until("/slow answers 503", || server.get("/slow").status == 503);
    assert!(server.get("/slow/below").header("retry-after").is_some());
    server.put("handlers/hello.wasm", hello_that_says("Hello, again"));
    wait_until("the new version serves", || server.get("/").text() == "Hello, again");
    server.signal(Signal::HUP);
    server.log.wait_for("configuration reloaded");
    let config = fs::read_to_string(server.dir().join("patchboard.toml")).unwrap();
    let answer = "[[response]]\nroute = \"/a\"\nbody = \"a\"\n[handlers.hello.limits]\nqueue = 7\n";
    server.put("patchboard.toml", config + answer);
    wait_until("the new configuration serves", || server.get("/a").status == 200);
    // One that was never there before.
    server.put("handlers/p2-hello.wasm", fs::read(test_guest("p2-hello")).unwrap());
    wait_until("another handler serves", || server.get("/p2-hello").status == 200);
    // A configuration that needs it waits for it, and only that.
    assert_eq!(server.log.count("handler slow"), 0, "{:?}", server.log.lines());
    server.get("/slow").expect_error(503);
}

#[test]
fn what_would_compile_without_end_is_refused() {
    let functions = "(func)".repeat(260_000);
    let many = wat::parse_str(format!("(component (core module {functions}))")).unwrap();
    let long = "nop ".repeat(1 << 20);
    let long = wat::parse_str(format!("(component (core module (func {long})))")).unwrap();
    let server = Server::builder().start();
    server.put("handlers/many.wasm", many);
    server
        .log
        .wait_for_all(&["ERROR handler many: has 26000", "functions and types, and 250000 is the most"]);
    server.put("handlers/long.wasm", long);
    server.log.wait_for_all(&["ERROR handler long: has ", "bytes of code in one function"]);
    File::create(server.handler_file("vast")).unwrap().set_len(1 << 40).unwrap();
    server.log.wait_for_all(&["ERROR handler vast: cannot read", "it is longer than 268435456 bytes"]);
    server.get("/many").expect_error(503);
}

/// What is no file where one belongs, and what is said of it.
fn no_files(at: &Path, ending: &str) -> Vec<(String, &'static str)> {
    let path = |name: &str| at.join(format!("{name}.{ending}"));
    mknodat(CWD, path("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    symlink("pipe.".to_owned() + ending, path("to-pipe")).unwrap();
    symlink("/dev/zero", path("device")).unwrap();
    fs::create_dir(path("folder")).unwrap();
    let _closed = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
    [
        ("pipe", "it is a named pipe, not a file"),
        ("to-pipe", "it is a named pipe, not a file"),
        ("device", "it is a device, not a file"),
        ("folder", "it is a folder, not a file"),
        ("socket", "it is a socket, not a file"),
    ]
    .map(|(name, said)| (name.to_owned(), said))
    .into()
}

#[test]
fn what_is_no_file_is_said_and_waited_for_by_nobody() {
    // As components, there from the start and dropped in.
    let builder = Server::builder().demo("hello");
    let expected = no_files(&builder.dir().join("handlers"), "wasm");
    let server = builder.start();
    for (name, said) in &expected {
        server.log.wait_for_all(&[&format!("ERROR handler {name}: cannot read"), said]);
    }
    drop(server);
    let server = Server::builder().demo("hello").start();
    for (name, said) in no_files(&server.dir().join("handlers"), "wasm") {
        server.log.wait_for_all(&[&format!("ERROR handler {name}: cannot read"), said]);
    }
    server.put("handlers/hello.wasm", hello_that_says("Hello, again"));
    wait_until("the new version serves", || server.get("/").text() == "Hello, again");
    // As settings beside a component, and as configurations.
    let text = fs::read_to_string(server.dir().join("patchboard.toml")).unwrap();
    for (name, said) in no_files(server.dir(), "toml") {
        let [file, config] = ["handlers/hello.toml", "patchboard.toml"].map(|file| server.dir().join(file));
        let source = server.dir().join(format!("{name}.toml"));
        symlink(&source, file).unwrap();
        server.log.wait_for_all(&["ERROR handler hello: ", "hello.toml: cannot read it: ", said]);
        fs::remove_file(server.dir().join("handlers/hello.toml")).unwrap();
        fs::remove_file(&config).unwrap();
        symlink(source, &config).unwrap();
        let refused = server.log.count("configuration not reloaded");
        server.signal(Signal::HUP);
        server.log.wait_for_count("configuration not reloaded", refused + 1);
        server.log.wait_for_all(&["ERROR patchboard.toml: cannot read the configuration: ", said]);
        fs::remove_file(&config).unwrap();
        server.put("patchboard.toml", &text);
    }
    server.get("/").expect(200, "Hello, again");
}

#[test]
fn secrets_migrations_pages_and_logs_are_files_too() {
    let builder = Server::builder().file("secrets/x", "").file("migrations/x", "").file("site/x", "");
    let mut expected = Vec::new();
    let mut config = String::from("[handlers.a.config]\n");
    for (name, said) in no_files(&builder.dir().join("secrets"), "key") {
        config += &format!("{name} = {{ secret = \"{name}.key\" }}\n");
        expected.push((format!("secrets/{name}.key"), said));
    }
    no_files(&builder.dir().join("migrations"), "sql");
    config += "[sql.notes]\nmigrations = \"migrations\"\n";
    let exited = builder
        .server("secrets = \"secrets\"\naccess_log_file = \"secrets/socket.key\"")
        .config(&config)
        .start_in_vain();
    for (path, said) in &expected {
        let is_it = |line: &str| line.contains(path) && line.contains(said);
        assert!(exited.log.lines().any(is_it), "{path}: {}", exited.log);
    }
    assert!(exited.log.contains("cannot read the migrations"), "{}", exited.log);
    // A named pipe that nobody reads, as the access log; and as a page.
    let builder = Server::builder().file("site/x", "");
    no_files(builder.dir(), "log");
    no_files(&builder.dir().join("site"), "html");
    let config = "[[static]]\nprefix = \"/\"\ndir = \"site\"\nerror_pages = { 404 = \"pipe.html\" }\n";
    let exited = builder.server("access_log_file = \"pipe.log\"").config(config).start_in_vain();
    assert!(exited.log.contains("cannot write the access log pipe.log"), "{}", exited.log);
    let builder = Server::builder().file("site/x", "");
    no_files(&builder.dir().join("site"), "html");
    let server = builder.config(config).start();
    for page in ["/none", "/pipe.html", "/socket.html", "/device.html", "/to-pipe.html"] {
        assert_eq!(server.get(page).status, 404, "{page}");
    }
}

#[test]
fn odd_names_and_dangling_links_are_said_once_they_stay() {
    let builder =
        Server::builder().demo("hello").file("handlers/UPPER.WASM", "").file("handlers/a b.wasm", "");
    symlink("../nowhere.wasm", builder.dir().join("handlers/dangling.wasm")).unwrap();
    let server = builder.start();
    let upper = "handler UPPER: UPPER.WASM is not loaded; rename it to UPPER.wasm";
    server.log.wait_for_all(&["ERROR", upper]);
    server
        .log
        .wait_for_all(&["ERROR", "handlers/dangling.wasm is a link to ../nowhere.wasm, which is not there"]);
    drop(server);
    let server = Server::builder().demo("hello").start();
    server.put("handlers/UPPER.WASM", "");
    symlink("../nowhere.wasm", server.handler_file("dangling")).unwrap();
    server.log.wait_for_all(&["ERROR", upper]);
    server.log.wait_for_all(&["ERROR handler dangling: ", "which is not there; correct or remove it"]);
    assert_eq!(server.log.count(upper), 1);
}
