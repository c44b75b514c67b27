//! The server under chaos: which handlers it has, and within which limits.
//!
//! The ill ones have limits so low that a time-out is quick; those of the healthy ones
//! are the defaults. Each isolation and each kind of component is among both.

use std::fmt::Write as _;

use std::path::PathBuf;

use patchboard_tests::{Server, demo_handler, test_guest};

/// How calls share instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isolation {
    Shared,
    Reuse,
    Request,
}

/// An ill-behaved handler.
#[derive(Debug)]
pub(crate) struct Ill {
    pub(crate) name: &'static str,
    pub(crate) guest: &'static str,
    pub(crate) isolation: Isolation,
}

/// All of them. Each is asked at `/NAME/…`.
pub(crate) const ILL: [Ill; 7] = [
    Ill { name: "shared", guest: "ill", isolation: Isolation::Shared },
    Ill { name: "reuse", guest: "ill", isolation: Isolation::Reuse },
    Ill { name: "request", guest: "ill", isolation: Isolation::Request },
    Ill { name: "p3", guest: "p3-hello", isolation: Isolation::Shared },
    Ill { name: "p2", guest: "p2-hello", isolation: Isolation::Request },
    Ill { name: "p2-reuse", guest: "p2-hello", isolation: Isolation::Reuse },
    Ill { name: "raw", guest: "raw", isolation: Isolation::Shared },
];
/// Healthy handlers and their guests, beside `hello` at `/`.
pub(crate) const HEALTHY: [(&str, &str); 2] = [("well-p3", "p3-hello"), ("well-p2", "p2-hello")];
/// The handler whose calls, all at once, fill the pool.
pub(crate) const FILLER: &str = "filler";

/// Calls at once of an ill handler.
pub(crate) const CALLS: usize = 8;
/// The size of the pool: instances of all handlers.
pub(crate) const INSTANCES: usize = 200;
/// What a request body of an ill handler may have, in bytes.
pub(crate) const REQUEST_BODY: usize = 64 << 10;
/// The longest head.
pub(crate) const HEAD: usize = 16 << 10;
/// How long an instance may be slept in for a place of all calls at once to be seen taken:
/// longer than `queue_timeout`, shorter than `call_timeout`.
pub(crate) const STAY_MS: usize = 700;

const LIMITS: &str = "memory_bytes = \"32MiB\"\ncpu_timeout = \"200ms\"\ncall_timeout = \"1500ms\"\n\
    queue = 8\nqueue_timeout = \"300ms\"\nrequest_body_bytes = \"64KiB\"\n\
    response_body_bytes = \"1MiB\"\ncalls_per_instance = 50\nlog_bytes = \"1KiB\"\n";

/// The routes of the guest `ill`: method, path, and the name that the guest knows it by.
const ROUTES: [(&str, &str, &str); 17] = [
    ("GET", "ok", "ok"),
    ("GET", "trap", "trap"),
    ("GET", "trap-later", "trap_later"),
    ("GET", "spin", "spin"),
    ("GET", "memory", "memory"),
    ("GET", "never", "never"),
    ("GET", "half", "half"),
    ("GET", "stall", "stall"),
    ("GET", "endless", "endless"),
    ("GET", "sleep-blocking", "sleep_blocking"),
    ("GET", "sleep", "sleep"),
    ("POST", "sleep", "sleep_once"),
    ("GET", "log-flood", "log_flood"),
    ("POST", "slow-read", "slow_read"),
    ("POST", "unread", "unread"),
    ("POST", "echo", "echo"),
    ("GET", "typed/{id:int}/{year:\\\\d{4}}", "typed"),
];

/// Starts it.
pub(crate) fn start() -> anyhow::Result<Server> {
    let mut builder = Server::builder()
        .server(&format!("cores = 2\naccess_log = \"off\"\ninstances = {INSTANCES}"))
        .server(&format!("head_timeout = \"2s\"\nhead_bytes = {HEAD}\nconnections = 2048"));
    for (name, component) in components() {
        builder = builder.file(&format!("handlers/{name}.wasm"), std::fs::read(component)?);
    }
    for ill in &ILL {
        builder = builder.config(&config(ill));
    }
    let filler = format!(
        "[handlers.{FILLER}]\nisolation = \"request\"\n\
         routes = [{{ route = \"GET /{FILLER}\", name = \"sleep\" }}]\n\
         [handlers.{FILLER}.limits]\ncalls = {}",
        2 * INSTANCES
    );
    // A backtrace reads the symbols of the binary into memory, which would be looked at too.
    Ok(builder.config(&filler).variable("RUST_BACKTRACE", "0").start())
}

/// All handlers and the components that they are.
pub(crate) fn components() -> impl Iterator<Item = (&'static str, PathBuf)> {
    let guests = ILL.iter().map(|ill| (ill.name, ill.guest)).chain(HEALTHY).chain([(FILLER, "ill")]);
    guests.map(|(name, guest)| (name, test_guest(guest))).chain([("hello", demo_handler("hello"))])
}

fn config(ill: &Ill) -> String {
    let name = ill.name;
    let isolation = match ill.isolation {
        Isolation::Shared => "shared",
        Isolation::Reuse => "reuse",
        Isolation::Request => "request",
    };
    let mut config = format!("[handlers.{name}]\nisolation = \"{isolation}\"\n");
    match ill.guest {
        "ill" => {
            config.push_str("routes = [\n");
            for (method, path, function) in ROUTES {
                // Writing to a string does not fail.
                let _ = writeln!(config, "{{ route = \"{method} /{name}/{path}\", name = \"{function}\" }},");
            }
            config.push_str("]\n");
        }
        "raw" => config.push_str("routes = [\"GET /raw/{case}\"]\n"),
        _ => {}
    }
    format!("{config}[handlers.{name}.limits]\ncalls = {CALLS}\n{LIMITS}")
}
