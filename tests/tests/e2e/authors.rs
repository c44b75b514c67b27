//! From an empty folder to a handler that serves, with nothing but the program, Rust and what
//! cargo has of crates.io: `patchboard new` and `build`, the project's own tests, and the page
//! of the documentation that says so.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use patchboard_tests::{Exited, Server, server_binary, wait_until, workspace};
use tempfile::TempDir;

use super::docs;

/// An empty folder, whose name has a space in it, and a shell in which `patchboard` is the
/// program under test. All projects share what cargo has compiled, also with the next run.
pub(super) struct Workshop {
    dir: TempDir,
}

impl Workshop {
    pub(super) fn new() -> Self {
        Self { dir: tempfile::Builder::new().prefix("patchboard test ").tempdir().unwrap() }
    }

    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    pub(super) fn shell(&self, folder: &str, line: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).current_dir(self.path(folder)).stdin(Stdio::null());
        // What `cargo test` tells this program is not for another cargo.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            let beginnings = [
                "CARGO_PKG_",
                "CARGO_MANIFEST_",
                "CARGO_BIN_",
                "CARGO_CRATE_",
                "CARGO_PRIMARY_",
                "PATCHBOARD_",
            ];
            let is_ours = ["CARGO", "CARGO_TARGET_DIR", "RUSTFLAGS", "RUSTC"].contains(&&*name);
            if is_ours || beginnings.iter().any(|beginning| name.starts_with(beginning)) {
                shell.env_remove(name);
            }
        }
        // Where rustup has no target, xtask has made a compiler that has.
        if let Some(rustc) = std::env::var_os("PATCHBOARD_GUEST_RUSTC")
            .filter(|_| ["patchboard build", "patchboard dev"].iter().any(|builds| line.contains(builds)))
        {
            shell.env("RUSTC", rustc).env("RUSTC_WRAPPER", "");
        }
        let path = std::env::var("PATH").unwrap_or_default();
        shell
            .env("PATH", format!("{}:{path}", server_binary().parent().unwrap().display()))
            .env("RUSTUP_TOOLCHAIN", toolchain())
            .env("CARGO_TARGET_DIR", workspace().join("target/tmp/authors"))
            .env("CARGO_TERM_COLOR", "never")
            // It is compiled to be run for a moment.
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0");
        shell
    }

    fn run(&self, folder: &str, line: &str) -> Exited {
        ran(self.shell(folder, line))
    }

    /// Runs a line that ends well.
    #[track_caller]
    pub(super) fn done(&self, folder: &str, line: &str) -> String {
        let exited = self.run(folder, line);
        assert_eq!(exited.code, Some(0), "{line}: {}{}", exited.output, exited.log);
        exited.output
    }

    /// Runs a line that fails with one line, and changes nothing.
    #[track_caller]
    pub(super) fn refused(&self, folder: &str, line: &str, expected: &str) {
        let before = self.files();
        let exited = self.run(folder, line);
        assert_eq!(exited.code, Some(2), "{line}: {}{}", exited.output, exited.log);
        assert_eq!((exited.log.lines().count(), &*exited.output), (1, ""), "{line}: {}", exited.log);
        assert!(exited.log.starts_with("error: ") && exited.log.contains(expected), "{line}: {}", exited.log);
        assert_eq!(self.files(), before, "{line}");
    }

    /// All files and folders, and when they were changed.
    fn files(&self) -> BTreeMap<PathBuf, SystemTime> {
        let (mut files, mut folders) = (BTreeMap::new(), vec![self.dir.path().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                files.insert(entry.path(), entry.metadata().unwrap().modified().unwrap());
                folders.extend(entry.file_type().unwrap().is_dir().then(|| entry.path()));
            }
        }
        files
    }

    fn serve(&self, project: &str) -> Server {
        let config = self.path(project).join("patchboard.toml");
        Server::builder().without_config().argument("--config").argument(config.to_str().unwrap()).start()
    }
}

fn ran(mut command: Command) -> Exited {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    Exited { code: output.status.code(), output: text(&output.stdout), log: text(&output.stderr) }
}

/// The toolchain of this repository, whose target is there.
fn toolchain() -> String {
    std::env::var("RUSTUP_TOOLCHAIN").unwrap_or_else(|_| {
        let file: toml::Table =
            fs::read_to_string(workspace().join("rust-toolchain.toml")).unwrap().parse().unwrap();
        file["toolchain"]["channel"].as_str().unwrap().to_owned()
    })
}

/// Who compiles, waits for others that do, as cargo would make it wait: and a server that is
/// started meanwhile does not.
pub(super) fn compiling() -> MutexGuard<'static, ()> {
    static COMPILING: Mutex<()> = Mutex::new(());
    COMPILING.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn handlers_of_every_template_are_built_tested_and_served() {
    let _compiling = compiling();
    let workshop = Workshop::new();
    workshop.done("", "patchboard new hello");
    for template in ["api", "site", "upload", "sse"] {
        // From anywhere in the project.
        workshop.done("hello/crates/hello", &format!("patchboard new my-{template} --template {template}"));
    }
    let built = workshop.done("hello/crates/my-api/src", "RUSTFLAGS=--no-such-flag patchboard build");
    for name in ["hello", "my-api", "my-site", "my-sse", "my-upload"] {
        let line = built.lines().find(|line| line.starts_with(&format!("{name} "))).expect(name);
        assert!(line.contains(" kB  new ") && line.ends_with(&format!("handlers/{name}.wasm")), "{line}");
    }

    let (files, lock) = (workshop.files(), fs::read(workshop.path("hello/Cargo.lock")).unwrap());
    let again = workshop.done("hello", "patchboard build");
    assert_eq!(again.lines().filter(|line| line.contains(" unchanged ")).count(), 5, "{again}");
    assert_eq!(workshop.files(), files);
    workshop.done("hello", "cargo test --release");
    workshop.done("hello", "patchboard check --listen 127.0.0.1:0");
    assert_eq!(fs::read(workshop.path("hello/Cargo.lock")).unwrap(), lock);
    pinned(&lock);
    inspected(&workshop);
    let tested = workshop.done("hello", "patchboard test");
    assert!(tested.contains(" 0 failed, in ") && tested.contains("routes, all asked"), "{tested}");

    let server = workshop.serve("hello");
    server.get("/").expect(200, "Hello, world");
    api(&server);
    site(&server);
    upload(&server);
    events(&server);
    drop(server);

    let library = workshop.path("hello/crates/hello/src/lib.rs");
    let text = fs::read_to_string(&library).unwrap();
    fs::write(&library, text.replace("\"Hello, world\"\n", "7\n")).unwrap();
    let component = fs::read(workshop.path("hello/handlers/hello.wasm")).unwrap();
    let failed = workshop.run("hello", "patchboard build");
    assert_eq!((failed.code, &*failed.output), (Some(2), ""));
    for part in
        ["error[E0308]: mismatched types", "crates/hello/src/lib.rs:", "\nerror: cargo could not build it"]
    {
        assert!(failed.log.contains(part), "{}", failed.log);
    }
    assert_eq!(fs::read(workshop.path("hello/handlers/hello.wasm")).unwrap(), component);
}

fn inspected(workshop: &Workshop) {
    let here = workshop.done("hello", "patchboard inspect handlers/my-api.wasm");
    for line in [
        "speaks patchboard:handler 0.2",
        "GET /my-api/items list",
        "patchboard:handler/key-value@0.2.0 key_value",
        "check it would be loaded as the handler my-api, with isolation shared",
    ] {
        let words = |found: &str| found.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(here.lines().any(|found| words(found).ends_with(line)), "no `{line}` in {here}");
    }
    // By another configuration, or none.
    let elsewhere = workshop.done("", "patchboard inspect hello/handlers/my-api.wasm");
    let missing = "which is not granted; add key_value = \"default\" to [handlers.my-api]";
    assert!(elsewhere.lines().last().unwrap().ends_with(missing), "{elsewhere}");
    workshop.refused(
        "hello",
        "patchboard inspect Cargo.toml",
        "Cargo.toml is not a WebAssembly component: it is text",
    );
}

fn api(server: &Server) {
    let (items, apple) = (server.url("/my-api/items"), r#"{"id":1,"name":"apple"}"#);
    server.get("/my-api/items").expect(200, "[]");
    let post = |body: &str| server.client().post(&items, "application/json", body.as_bytes());
    post(r#"{"name":"apple"}"#).expect(201, apple);
    assert_eq!(post("{}").status, 422);
    server.get("/my-api/items").expect(200, &format!("[{apple}]"));
    server.get("/my-api/items/1").expect(200, apple);
    assert_eq!(server.raw("DELETE /my-api/items/1 HTTP/1.1\r\nHost: test\r\n\r\n").status, 204);
    assert_eq!(server.get("/my-api/items/1").status, 404);
}

fn site(server: &Server) {
    let added = server.post_form("/my-site", "text=a+%3Cb%3E");
    assert_eq!((added.status, added.header("location")), (303, Some("/my-site")));
    let page = server.get("/my-site");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("<li>a &lt;b&gt;</li>"), "{}", page.text());
    let (_, rest) = page.text().split_once("rel=\"stylesheet\" href=\"").unwrap();
    let style = server.get(rest.split('"').next().unwrap());
    assert_eq!((style.status, style.header("content-type")), (200, Some("text/css; charset=utf-8")));
    assert_eq!(server.post_form("/my-site", "text=").status, 422);
}

fn upload(server: &Server) {
    let put =
        server.raw("PUT /my-upload/files/a.txt HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello");
    put.expect(200, "5 bytes\n");
    let form =
        "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"b.txt\"\r\n\r\nhi\r\n--x--\r\n";
    let url = server.url("/my-upload");
    let sent = server.client().post(&url, "multipart/form-data; boundary=x", form.as_bytes());
    assert_eq!((sent.status, sent.header("location")), (303, Some("/my-upload/files/b.txt")));
    server.get("/my-upload/files/b.txt").expect(200, "hi");
    server.get("/my-upload/files").expect(200, "5 a.txt\n2 b.txt\n");
}

fn events(server: &Server) {
    assert!(server.get("/my-sse").text().contains("new EventSource(\"/my-sse/events\")"));
    let mut connection = server.connect();
    connection.send("GET /my-sse/events HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(connection.head().header("content-type"), Some("text/event-stream"));
    for event in ["id: 0\ndata: 0 s\n\n", "id: 1\ndata: 1 s\n\n"] {
        assert_eq!(String::from_utf8(connection.chunk().unwrap()).unwrap(), event);
    }
}

/// Holds the versions of a project against those of this repository.
fn pinned(lock: &[u8]) {
    let versions = |text: &str| -> Vec<(String, String)> {
        let lock: toml::Table = text.parse().unwrap();
        let of = |package: &toml::Value, key: &str| package[key].as_str().unwrap().to_owned();
        let packages = lock["package"].as_array().unwrap().iter();
        packages
            .filter(|package| package.get("source").is_some())
            .map(|package| (of(package, "name"), of(package, "version")))
            .collect()
    };
    let tested = versions(&fs::read_to_string(workspace().join("Cargo.lock")).unwrap());
    let locked = versions(std::str::from_utf8(lock).unwrap());
    assert!(locked.len() > 50, "{locked:?}");
    for package in locked {
        assert!(tested.contains(&package), "{package:?} is not what the server was tested with");
    }
}

#[test]
fn what_is_in_the_way_is_one_line_and_nothing_is_half_made() {
    let workshop = Workshop::new();
    for name in ["''", "'my shop'", "Shop", "../up", "match", "serde", "2nd", "''a/b''", "grüße"] {
        workshop.refused("", &format!("patchboard new {name}"), "is no name for a handler");
    }
    fs::create_dir(workshop.path("empty")).unwrap();
    workshop.done("", "patchboard new empty");
    workshop.refused("", "patchboard new empty", "is there already");
    fs::write(workshop.path("file"), "").unwrap();
    workshop.refused("", "patchboard new file", "is there already");
    workshop.refused("empty", "patchboard new empty", "has crates/empty already");
    workshop.done("empty", "patchboard new my-shop");
    workshop.refused("empty/crates", "patchboard new my_shop", "has crates/my-shop already");
    fs::write(workshop.path("empty/handlers/theirs.wasm"), "").unwrap();
    workshop.refused("empty", "patchboard new theirs", "theirs.wasm is there already");
    fs::write(workshop.path("empty/patchboard.toml"), "[handlers.taken]\n").unwrap();
    workshop.refused("empty", "patchboard new taken --template api", "has [handlers.taken] already");
    fs::write(workshop.path("empty/patchboard.toml"), "[handlers").unwrap();
    workshop.refused("empty", "patchboard new other --template api", "patchboard.toml: TOML parse error");

    // Where nothing may be written; root may, unless its powers are taken.
    let setpriv = "setpriv --bounding-set=-all --inh-caps=-all";
    let powerless = if rustix::process::geteuid().is_root() { setpriv } else { "" };
    fs::create_dir(workshop.path("closed")).unwrap();
    for folder in ["closed", "empty/.patchboard"] {
        fs::set_permissions(workshop.path(folder), fs::Permissions::from_mode(0o555)).unwrap();
    }
    fs::write(workshop.path("empty/patchboard.toml"), "").unwrap();
    workshop.refused("closed", &format!("{powerless} patchboard new shop"), "run this where you may write");
    workshop.refused("empty", &format!("{powerless} patchboard new shop"), "run this where you may write");
    for folder in ["closed", "empty/.patchboard"] {
        fs::set_permissions(workshop.path(folder), fs::Permissions::from_mode(0o755)).unwrap();
    }

    let doctor = workshop.run("closed", "patchboard doctor");
    assert!(doctor.output.contains("\n  ok       cargo: cargo "), "{}", doctor.output);
    let doctor = workshop.run("closed", "PATH=$(dirname $(command -v patchboard)) patchboard doctor");
    assert_eq!(doctor.code, Some(1));
    assert!(doctor.output.contains("\n  missing  rustc: install Rust"), "{}", doctor.output);

    workshop.refused("closed", "patchboard build", "there is no project here: no Cargo.toml in ");
    workshop.refused("empty", "patchboard build none", "there is no handler `none`");
    workshop.refused(
        "empty",
        "PATH=$(dirname $(command -v patchboard)) patchboard build",
        "cannot run cargo",
    );
    // A compiler without the target, which rustup has not made.
    let compiler = "#!/bin/sh\necho /nowhere\n";
    fs::write(workshop.path("rustc"), compiler).unwrap();
    fs::set_permissions(workshop.path("rustc"), fs::Permissions::from_mode(0o755)).unwrap();
    workshop.refused(
        "empty",
        "RUSTC=\"$PWD/../rustc\" patchboard build",
        "has no target wasm32-wasip2; install Rust",
    );
}

#[test]
fn without_the_crates_it_says_how_to_have_them() {
    let workshop = Workshop::new();
    workshop.done("", "patchboard new shop");
    fs::create_dir(workshop.path("home")).unwrap();
    let failed = workshop.run("shop", "CARGO_NET_OFFLINE=true CARGO_HOME=\"$PWD/../home\" patchboard build");
    assert_eq!(failed.code, Some(2));
    let last = failed.log.lines().last().unwrap();
    assert!(last.starts_with("error: crates that it needs are not on this machine"), "{}", failed.log);
}

/// The workspace that `cargo` sees from a folder.
fn root(workshop: &Workshop, folder: &str) -> PathBuf {
    let metadata = workshop.done(folder, "cargo metadata --no-deps --format-version 1 --offline");
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    Path::new(metadata["workspace_root"].as_str().unwrap()).to_owned()
}

#[test]
fn no_other_workspace_takes_a_project_for_its_own() {
    let workshop = Workshop::new();
    fs::create_dir_all(workshop.path("a/src")).unwrap();
    fs::write(workshop.path("a/src/lib.rs"), "").unwrap();
    fs::write(workshop.path("a/Cargo.toml"), "[package]\nname = \"a\"\n").unwrap();
    fs::write(workshop.path("Cargo.toml"), "[workspace]\nmembers = [\"a\"]\n").unwrap();
    workshop.done("a", "patchboard new shop");
    let project = workshop.path("a/shop").canonicalize().unwrap();
    assert_eq!(root(&workshop, "a/shop"), project);
    assert_eq!(root(&workshop, "a/shop/crates/shop"), project);
    let sdk = fs::read_dir(project.join(".patchboard")).unwrap().next().unwrap().unwrap().path();
    for own in ["patchboard", "patchboard-macros", "patchboard-pattern"] {
        let folder = sdk.join(own);
        assert_eq!(root(&workshop, folder.to_str().unwrap()), folder);
    }
}

/// A page of the documentation, line by line, as its reader types it; its tests are those of
/// the project's.
fn read_page(page: &str) -> Option<Server> {
    let workshop = Workshop::new();
    let (mut folder, mut server) = (String::new(), None);
    for line in docs::session(page) {
        let (command, expected) =
            line.split_once(" #").map_or((&*line, ""), |(command, said)| (command, said.trim()));
        match command.trim().split(' ').collect::<Vec<_>>()[..] {
            ["cd", to] => {
                folder = format!("{folder}/{to}").trim_start_matches('/').to_owned();
                for (number, text) in docs::requests(page).iter().enumerate() {
                    let file = workshop.path(&folder).join(format!("crates/{to}/tests/page-{number}.http"));
                    fs::write(file, text).unwrap();
                }
            }
            ["patchboard", "serve"] => server = Some(workshop.serve(&folder)),
            // So that macros are compiled once.
            ["cargo", "test"] => _ = workshop.done(&folder, "cargo test --release"),
            ["curl", ..] => {
                let port = server.as_ref().expect("it is served").address().port();
                let curl = format!("{} --silent --show-error", command.replace(":8080", &format!(":{port}")));
                // What was built a moment ago is taken up in its time.
                wait_until(&line, || workshop.run(&folder, &curl).output == expected);
            }
            _ => _ = workshop.done(&folder, command),
        }
    }
    server
}

#[test]
fn the_page_of_the_first_handler_does_what_it_says() {
    let _compiling = compiling();
    assert!(read_page("docs/first-handler.md").is_some());
}

#[test]
fn the_page_of_tests_does_what_it_says() {
    let _compiling = compiling();
    assert!(!docs::requests("docs/testing.md").is_empty());
    read_page("docs/testing.md");
}

#[test]
fn the_crates_of_the_sdk_can_be_packaged() {
    let target = tempfile::tempdir().unwrap();
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["package", "--no-verify", "--allow-dirty", "--target-dir"]).arg(target.path());
    let crates = ["patchboard", "patchboard-macros", "patchboard-pattern"];
    crates.iter().for_each(|name| _ = cargo.args(["--package", name]));
    let exited = ran({
        cargo.current_dir(workspace());
        cargo
    });
    assert_eq!(exited.code, Some(0), "{}", exited.log);
    let packages = fs::read_dir(target.path().join("package")).unwrap().map(|entry| entry.unwrap().path());
    assert_eq!(packages.filter(|path| path.extension().is_some_and(|end| end == "crate")).count(), 3);
}
