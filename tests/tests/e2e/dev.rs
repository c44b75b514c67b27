//! `patchboard dev`, as who writes a handler uses it: real edits of a real project, and what the terminal,
//! scripts and a browser are told.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use patchboard_tests::{Browser, Client, Connection, Output, Reply, Scripts, wait_until};
use rustix::process::{Pid, Signal, kill_process};

use super::authors::{Workshop, compiling};

const HTML: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

/// The handler: a text, a page, and a panic.
const LIBRARY: &str = r#"use patchboard::{get, response::Html};

#[get("/")]
async fn hello() -> &'static str {
    "Hello, world"
}

#[get("/page")]
async fn page() -> Html<&'static str> {
    Html("<!doctype html><body><h1>One</h1></body>")
}

#[get("/panic")]
async fn panic() -> String {
    patchboard::tracing::info!("about to look");
    look_up(&[1, 2, 3], 7).to_string()
}

fn look_up(items: &[u32], at: usize) -> u32 {
    assert!(at < items.len(), "there is no item {at} <b>");
    items[at]
}
"#;

/// A project that is served to who develops it.
struct Development {
    child: Child,
    address: SocketAddr,
    client: Client,
    log: Output,
    source: PathBuf,
    workshop: Workshop,
}

impl Development {
    fn begin() -> Self {
        let workshop = Workshop::new();
        workshop.done("", "patchboard new hello");
        let source = workshop.path("hello/crates/hello/src/lib.rs");
        fs::write(&source, LIBRARY).unwrap();
        // What takes minutes the first time.
        workshop.done("hello", "patchboard build --debug");
        fs::remove_file(workshop.path("hello/handlers/hello.wasm")).unwrap();
        let mut shell = workshop.shell("hello/crates", "exec patchboard dev --listen 127.0.0.1:0");
        shell.env("PATCHBOARD_CODE_CACHE", patchboard_tests::code_cache());
        let mut child = shell.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (_, log) = Output::of(&mut child);
        let line = log.wait_for("listening on http://");
        let address = line.rsplit('/').next().unwrap().parse().unwrap();
        let development = Self { child, address, client: Client::new(), log, source, workshop };
        development.log.wait_for("built and served");
        development
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn get(&self, path: &str) -> Reply {
        self.client.get(&self.url(path))
    }

    fn page(&self, path: &str) -> Reply {
        self.client.get_with(&self.url(path), &[HTML])
    }

    /// Saves the handler with `from` replaced, and waits until a line with `said` was written.
    #[track_caller]
    fn edit(&self, from: &str, to: &str, said: &str) {
        let text = fs::read_to_string(&self.source).unwrap();
        assert!(text.contains(from), "{text}");
        let before = self.log.count(said);
        fs::write(&self.source, text.replace(from, to)).unwrap();
        wait_until(said, || self.log.count(said) > before);
    }
}

impl Drop for Development {
    fn drop(&mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).ok();
        self.child.wait().ok();
    }
}

/// What open pages listen to.
struct Events(Connection);

impl Events {
    fn open(address: SocketAddr) -> Self {
        let mut connection = Connection::open(address);
        connection.send(format!("GET /-/dev/events HTTP/1.1\r\nHost: {address}\r\n\r\n"));
        assert_eq!(connection.head().header("content-type"), Some("text/event-stream"));
        Self(connection)
    }

    /// The version that is told next.
    fn next(&mut self) -> String {
        let event = String::from_utf8(self.0.chunk().unwrap()).unwrap();
        let (_, version) = event.trim_end().rsplit_once("data: ").unwrap_or_else(|| panic!("{event:?}"));
        version.to_owned()
    }
}

#[test]
fn what_is_saved_is_built_served_and_told() {
    let _compiling = compiling();
    let development = Development::begin();
    let mut events = Events::open(development.address);
    let first = events.next();

    // As it is, but for pages that a browser shows.
    development.get("/").expect(200, "Hello, world");
    assert_eq!(development.get("/page").text(), "<!doctype html><body><h1>One</h1></body>");
    let page = development.page("/page");
    let script = format!("<script src=\"/-/dev/reload.js\" data-version=\"{first}\"></script>\n");
    assert_eq!(page.text(), format!("<!doctype html><body><h1>One</h1>{script}</body>"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(development.get("/-/dev/reload.js").text().contains("EventSource"));
    let missing = development.page("/missing");
    assert!(missing.status == 404 && missing.text().contains(&script), "{}", missing.text());
    let mut foreign = Connection::open(development.address);
    foreign.send("GET /-/dev/events HTTP/1.1\r\nHost: example.org\r\n\r\n");
    assert_eq!(foreign.reply().status, 404);

    // What cannot be compiled.
    development.edit(
        "\"Hello, world\"\n",
        "Hello < \"world\"\n",
        "not built; what was served before goes on",
    );
    assert_ne!(events.next(), first);
    development.get("/").expect(200, "Hello, world");
    let refused = development.page("/");
    assert_eq!((refused.status, refused.header("content-type")), (500, Some("text/html; charset=utf-8")));
    for part in ["error[E0425]: cannot find value `Hello`", "crates/hello/src/lib.rs:5:5", "Hello &lt; "] {
        assert!(refused.text().contains(part), "{part}: {}", refused.text());
    }
    assert_eq!(refused.text().matches("/-/dev/reload.js").count(), 1);
    development.log.wait_for("error[E0425]: cannot find value `Hello`");

    // What answers otherwise.
    development.edit("Hello < \"world\"\n", "\"Hello, you\"\n", "after it was saved");
    events.next();
    development.get("/").expect(200, "Hello, you");
    development.log.wait_for("GET /: body, line 1: \"Hello, world\" → \"Hello, you\"");

    // What panics.
    let trapped = development.page("/panic");
    assert_eq!(trapped.status, 500);
    for part in [
        "<h1>there is no item 7 &lt;b&gt;</h1>",
        "<code>crates/hello/src/lib.rs:20</code> <span>hello::look_up</span>",
        "<code>crates/hello/src/lib.rs:16</code> <span>hello::panic::{{closure}}</span>",
        "<span class=here><i>20</i>    assert!(at &lt; items.len(), ",
        "</b> about to look\n",
    ] {
        assert!(trapped.text().contains(part), "{part}: {}", trapped.text());
    }
    let (shown, whole) = trapped.text().split_once("<details>").unwrap();
    assert!(!shown.contains("panicking.rs") && whole.contains("panicking.rs"), "{shown}");
    assert!(development.get("/panic").text().contains("look_up"));
    development.edit(
        "\"Hello, you\"\n",
        "panic!(\"no more\")\n",
        "GET /: status 200 → 500 (the call trapped",
    );
    development.edit("panic!(\"no more\")\n", "\"Hello, world\"\n", "GET /: status 500 → 200");

    // What is built, and cannot be served.
    let configuration = development.workshop.path("hello/patchboard.toml");
    let right = fs::read_to_string(&configuration).unwrap();
    fs::write(&configuration, format!("{right}\n[handlers.hello]\nno_such_key = 1\n")).unwrap();
    wait_until("the page says so", || development.page("/").text().contains("no_such_key"));
    fs::write(&configuration, &right).unwrap();
    wait_until("it is served again", || development.page("/").status == 200);
}

#[test]
fn a_browser_sees_what_is_wrong_and_reloads_when_it_is_not() {
    let _compiling = compiling();
    let development = Development::begin();
    let browser = Browser::start(1100, 900, Scripts::Run);
    browser.open(&development.url("/page"));
    assert_eq!(browser.texts("h1"), ["One"]);
    let shows =
        |text: &str| wait_until(text, || browser.try_texts("h1").is_some_and(|found| found == [text]));
    development.edit("<h1>One</h1>", "<h1>Two</h1>", "after it was saved");
    shows("Two");
    development.edit("items[at]\n", "items[at] as u64\n", "not built");
    shows("The handlers cannot be built");
    browser.screenshot("dev-build");
    development.edit("items[at] as u64\n", "items[at]\n", "after it was saved");
    shows("Two");
    browser.open(&development.url("/panic"));
    assert_eq!(browser.texts("h1"), ["there is no item 7 <b>"]);
    browser.screenshot("dev-trap");
    development.edit("7)", "2)", "after it was saved");
    wait_until("the page reloads", || browser.try_texts("body").is_some_and(|found| found == ["3"]));
}

#[test]
fn others_are_kept_out_unless_that_is_said() {
    let workshop = Workshop::new();
    workshop.refused("", "patchboard dev", "there is no project here");
    workshop.done("", "patchboard new hello");
    fs::create_dir_all(workshop.path("hello/handlers")).unwrap();
    let line = "patchboard dev --listen 0.0.0.0:0";
    workshop.refused("hello", line, "may be reached by other machines");
}
