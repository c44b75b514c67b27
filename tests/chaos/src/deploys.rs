//! Reloads and drop-ins, one after the other for as long as wanted, right and wrong ones,
//! while a client asks without a pause. Each is followed to the line of the log that says
//! what came of it, and to what is served then; at the end the server holds what it held at
//! the beginning.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use fastrand::Rng;
use patchboard_tests::{Server, SetOnDrop, hello_that_says, test_guest};
use rustix::process::Signal;

use crate::checks;
use crate::process::Holdings;

const MINUTE: Duration = Duration::from_secs(60);
/// So many steps are taken before it is looked for the first time what is held: each has been
/// taken then, and what is kept of versions is kept.
const WARMING: u32 = 200;
/// What the allocator may come to keep.
const MORE_BYTES: u64 = 16 << 20;

/// So many versions of the handler take turns.
const VERSIONS: u32 = 20;

/// Configurations that are refused, and what the log says of each.
const WRONG: [(&str, &str); 6] = [
    ("[handlers", "unclosed table"),
    ("[handlers.hello]\nlistn = 1\n", "unknown key `listn`"),
    ("[[static]]\nprefix = \"/s\"\ndir = \"missing\"\n", "the folder missing does not exist"),
    ("[[response]]\nroute = \"/{a}/{a}\"\n", "the parameter `a` occurs twice"),
    ("[handlers.nobody]\nroutes = [\"GET /n\"]\n", "there is no file"),
    ("[handlers.hello]\nroutes = [\"GTE /\"]\n", "GTE"),
];

/// The server, and what it has to serve.
struct Site<'s> {
    server: &'s Server,
    /// The configuration that it has begun with.
    beginning: String,
    rng: Rng,
    /// What `/a` answers.
    answer: u32,
    /// What `/` answers.
    version: u32,
    has_guest: bool,
}

/// Does one thing, and waits for what comes of it.
type Step = fn(&mut Site<'_>);

const STEPS: [(&str, Step); 6] = [
    ("a configuration reloaded", |site| site.reload()),
    ("a reload without a change", |site| site.reload_the_same()),
    ("a wrong configuration refused", |site| site.reload_in_vain()),
    ("a version dropped in", |site| site.drop_in()),
    ("a broken component refused", |site| site.drop_in_in_vain()),
    ("a handler added or removed", |site| site.add_or_remove()),
];

impl Site<'_> {
    fn configure(&self, more: &str) {
        let (server, beginning, answer) = (self.server, &self.beginning, self.answer);
        let text = format!("{beginning}\n[[response]]\nroute = \"/a\"\nbody = \"answer {answer}\"\n{more}");
        server.put("patchboard.toml", text);
        server.signal(Signal::HUP);
    }

    fn expect(&self) {
        let served = self.server.get("/a").text().to_owned();
        assert_eq!(served, format!("answer {}", self.answer));
    }

    fn reload(&mut self) {
        self.answer += 1;
        self.configure("");
        self.server.log.wait_for("configuration reloaded changed=");
        self.expect();
    }

    fn reload_the_same(&mut self) {
        self.configure("");
        self.server.log.wait_for("configuration reloaded; nothing has changed");
        self.expect();
    }

    fn reload_in_vain(&mut self) {
        let (wrong, named) = WRONG[self.rng.usize(..WRONG.len())];
        self.configure(wrong);
        self.server.log.wait_for("configuration not reloaded");
        self.server.log.wait_for_all(&["ERROR", named]);
        self.expect();
        self.server.log.keep_last(0);
        self.configure("");
        self.server.log.wait_for("configuration reloaded; nothing has changed");
    }

    fn drop_in(&mut self) {
        self.version = (self.version + 1) % VERSIONS;
        let answer = answer(self.version);
        self.server.put("handlers/hello.wasm", hello_that_says(&answer));
        self.server.log.wait_for("loaded handler=\"hello\"");
        assert_eq!(self.server.get("/").text(), answer);
    }

    fn drop_in_in_vain(&mut self) {
        self.server.put("handlers/hello.wasm", "not a component");
        self.server.log.wait_for_all(&["ERROR handler hello: ", "the version before goes on serving"]);
        assert_eq!(self.server.get("/").text(), answer(self.version));
        self.server.log.keep_last(0);
        self.drop_in();
    }

    fn add_or_remove(&mut self) {
        let file = self.server.handler_file("p2-hello");
        if self.has_guest {
            assert!(fs::remove_file(file).is_ok(), "it was put there");
            self.server.log.wait_for("removed handler=\"p2-hello\"");
            assert_eq!(self.server.get("/p2-hello").status, 404);
        } else {
            assert!(fs::copy(test_guest("p2-hello"), file).is_ok(), "the folder is there");
            self.server.log.wait_for("loaded handler=\"p2-hello\"");
            assert_eq!(self.server.get("/p2-hello").status, 200);
        }
        self.has_guest = !self.has_guest;
    }
}

/// What `hello` says in one of its versions, each of the length of the first.
fn answer(version: u32) -> String {
    format!("Hello, w{version:04}")
}

/// Takes steps for so many minutes.
pub(crate) fn run(minutes: u32, rng: &mut Rng) -> Result<Vec<String>> {
    let server = Server::builder()
        .demo("hello")
        .server("follow = \"folders\"\naccess_log = \"off\"")
        .variable("RUST_BACKTRACE", "0")
        .start();
    let beginning = fs::read_to_string(server.dir().join("patchboard.toml"))?;
    let mut site =
        Site { server: &server, beginning, rng: rng.fork(), answer: 0, version: 0, has_guest: false };
    server.log.wait_for("loaded handler=\"hello\"");
    server.log.keep_last(0);
    site.reload();
    site.drop_in();
    let (done, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    let (counts, before) = thread::scope(|scope| {
        scope.spawn(|| {
            let mut connection = server.connect();
            while !done.load(Ordering::Relaxed) {
                let reply = connection.get("/");
                assert!(reply.status == 200 && reply.text().starts_with("Hello, w"), "{reply:?}");
                asked.fetch_add(1, Ordering::Relaxed);
                // Others have their turn.
                thread::sleep(Duration::from_millis(2));
            }
        });
        let _done = SetOnDrop(&done);
        steps(&mut site, MINUTE * minutes)
    })?;
    if site.has_guest {
        server.log.keep_last(0);
        site.add_or_remove();
    }
    let after = Holdings::at_rest(server.pid())?;
    let counts: Vec<_> = counts.iter().map(|(what, count)| format!("{count} x {what}")).collect();
    eprintln!("chaos: {}; {} requests beside them; {after}", counts.join(", "), asked.into_inner());
    server.stop();
    Ok(checks::compare(before, after, MORE_BYTES))
}

/// How often each step was taken, and what was held when all had been.
fn steps(site: &mut Site<'_>, time: Duration) -> Result<(BTreeMap<&'static str, u32>, Holdings)> {
    let (start, mut minute) = (Instant::now(), Instant::now());
    let (mut counts, mut taken, mut before) = (BTreeMap::new(), 0, None);
    while start.elapsed() < time || before.is_none() {
        let (what, step) = STEPS[site.rng.usize(..STEPS.len())];
        site.server.log.keep_last(0);
        step(site);
        *counts.entry(what).or_default() += 1;
        taken += 1;
        if before.is_none() && taken >= WARMING && !site.has_guest {
            before = Some(Holdings::at_rest(site.server.pid())?);
        }
        if minute.elapsed() >= MINUTE {
            minute = Instant::now();
            eprintln!("chaos: {taken} steps: {}", Holdings::of(site.server.pid())?);
        }
    }
    let before = before.map_or_else(|| Holdings::of(site.server.pid()), Ok)?;
    Ok((counts, before))
}
