//! `[handlers.NAME]`: its keys and their defaults; and `NAME.toml`, which has routes only.

use std::path::Path;

use super::compress::{COMPRESS_OR_NOT, compression};
use super::key::{Key, Table, Unset};
use super::key_value::{self, Buckets};
use super::reader::Section;
use super::route::{ROUTES, ROUTES_TEXT, routes};
use super::types::{FolderConfig, HandlerConfig, Isolation, Limits, RouteConfig};
use super::value::{Sources, values};
use crate::name::check_name;

/// `[handlers.NAME]`.
pub(super) static HANDLER: Table<HandlerConfig> = Table {
    header: "[handlers.NAME]",
    noun: "",
    intro: "What the handler of `NAME.wasm` is granted, and what it needs beyond the defaults. Others need no \
            table, and are granted nothing: no files, no sockets, no environment, no buckets, no databases and no \
            outbound HTTP. The file of a handler that is named here must be there and be right, or the server \
            does not start.",
    example: r#"
[server]
handlers = "handlers"

[handlers.orders]
routes = ["GET /orders/{id:int}", { route = "POST /orders", name = "create" }]
isolation = "reuse"
outbound = ["https://api.example.com", "http://self"]
environment = { ORIGIN = "https://api.example.com" }
config = { currency = "EUR", api_key = { secret = "orders-api-key" } }
folders = { "/templates" = "templates" }
sql = "orders"
key_value = ["default", "sessions"]
compress = true
limits = { call_timeout = "5s", request_body_bytes = "64KiB" }
"#,
    keys: &[
        Key::other(
            "routes",
            ROUTES,
            Unset::Said("those of `NAME.toml`, else of the component, else `/NAME` and all below it"),
            ROUTES_TEXT,
        ),
        Key::word(
            "isolation",
            &["request", "reuse", "shared"],
            |h, word| {
                h.isolation = Some(match word {
                    "request" => Isolation::Request,
                    "reuse" => Isolation::Reuse,
                    _ => Isolation::Shared,
                });
            },
            Unset::Said(
                "`\"shared\"` where the component can have several calls at once, else `\"request\"`, or `\"reuse\"` if it imports `wasi:keyvalue`",
            ),
            "How its calls share instances: a fresh one for every call, one call at a time, or many at once as \
             coroutines.",
        ),
        Key::list(
            "outbound",
            "an origin such as \"https://api.example.com\"",
            (|h| h.outbound.clear(), |h, text| text.parse().map(|origin| h.outbound.push(origin))),
            Unset::Said("none"),
            "Where its requests may go. `https://*.example.com` covers subdomains; `http://self` is this server.",
        ),
        Key::other(
            "environment",
            "a table of strings, or of secrets",
            Unset::Said("none"),
            "Its environment variables.",
        ),
        Key::other(
            "config",
            "a table of strings, or of secrets",
            Unset::Said("none"),
            "Its values of `wasi:config`.",
        ),
        Key::other(
            "folders",
            "a table of folders, by their paths in the handler",
            Unset::Said("none"),
            "Folders that it may read, such as `{ \"/templates\" = \"templates\" }`; not with `isolation = \"shared\"`.",
        ),
        Key::other(
            "writable_folders",
            "a table of folders, by their paths in the handler",
            Unset::Said("none"),
            "Folders that it may read and change; likewise.",
        ),
        Key::list(
            "sql",
            "the name of a database such as \"orders\"",
            (
                |h| h.sql.clear(),
                |h, text| check_name("a database", text).map(|()| h.sql.push(text.to_owned())),
            ),
            Unset::Said("none"),
            "The databases that it may use; without a table `[sql.NAME]` one is a SQLite file with the defaults.",
        ),
        Key::other(
            "key_value",
            "the name of a bucket such as \"default\", or a list of them",
            Unset::Said("none"),
            "The buckets that it may use; none needs a table `[key_value.NAME]`.",
        ),
        Key::other(
            "compress",
            COMPRESS_OR_NOT,
            Unset::Said("false"),
            "Whether, and how, its responses are compressed.",
        ),
        Key::other("limits", "a table", Unset::Said("the defaults of its keys"), "What its calls may use."),
    ],
};

/// `[handlers.NAME.limits]`.
pub(super) static LIMITS: Table<Limits> = Table {
    header: "[handlers.NAME.limits]",
    noun: "",
    intro: "What the calls of a handler may use. What is over a limit is refused, or waits, as each key says; \
            other handlers do not notice.",
    example: r#"
[server]
handlers = "handlers"

[handlers.upload.limits]
request_body_bytes = "2GiB"
call_timeout = "10m"
cpu_timeout = "2m"
"#,
    keys: &[
        Key::bytes(
            "memory_bytes",
            64 << 10,
            |l| &mut l.memory_bytes,
            "All memories and tables of an instance together. More than the largest at start needs a restart.",
        ),
        Key::timeout("cpu_timeout", |l| &mut l.cpu_timeout, "CPU time of a call: 500."),
        Key::timeout(
            "call_timeout",
            |l| &mut l.call_timeout,
            "Wall clock of a call, to the end of its response: 504, or the response is cut.",
        ),
        Key::timeout(
            "body_idle_timeout",
            |l| &mut l.body_idle_timeout,
            "How long nothing may come of a body: 408 for that of the request, and a response is cut.",
        ),
        Key::count(
            "calls",
            1,
            |l| &mut l.calls,
            "Calls at once, on all cores together; further ones are queued.",
        ),
        Key::count(
            "queue",
            0,
            |l| &mut l.queue,
            "Calls waiting for one of those; with 0 none waits. Further ones are answered with 503.",
        ),
        Key::timeout("queue_timeout", |l| &mut l.queue_timeout, "How long a call may wait there: 503."),
        Key::bytes(
            "request_body_bytes",
            0,
            |l| &mut l.request_body_bytes,
            "The body of a request: 413. With 0 none may have one.",
        ),
        Key::bytes(
            "response_body_bytes",
            1,
            |l| &mut l.response_body_bytes,
            "The body of a response, which is cut there.",
        ),
        Key::count(
            "outbound_calls",
            1,
            |l| &mut l.outbound_calls,
            "Outbound requests at once; further ones wait.",
        ),
        Key::count(
            "key_value_calls",
            1,
            |l| &mut l.key_value_calls,
            "Key-value operations at once; further ones wait.",
        ),
        Key::count(
            "handles",
            1,
            |l| &mut l.handles,
            "Resources of the host that an instance may hold, such as streams, fields and timers.",
        ),
        Key::count(
            "calls_per_instance",
            1,
            |l| &mut l.calls_per_instance,
            "Calls that an instance serves before it is retired.",
        ),
        Key::bytes(
            "log_bytes",
            0,
            |l| &mut l.log_bytes,
            "Log output a second; more is dropped, and counted. With 0 all is.",
        ),
    ],
};

/// `NAME.toml` beside `NAME.wasm`.
pub(super) static FILE: Table<()> = Table {
    header: "NAME.toml",
    noun: "",
    intro: "A file beside `NAME.wasm`, for who drops a handler in. Grants and limits are the operator's, so it \
            has routes only, and they have no host. A handler with `routes` in the configuration does without.",
    example: r#"
routes = ["GET /items/{id}", "POST /items"]
"#,
    keys: &[Key::other(
        "routes",
        ROUTES,
        Unset::Said("those of the component, else `/NAME` and all below it"),
        ROUTES_TEXT,
    )],
};

pub(super) fn handler(
    name: &str,
    section: &Section<'_, '_>,
    folder: &Path,
    sources: Sources<'_>,
    buckets: &Buckets,
) -> HandlerConfig {
    check_name("a handler", name).unwrap_or_else(|problem| section.problem(problem));
    let mut config = HandlerConfig::default();
    HANDLER.read(section, &mut config);
    LIMITS.read(&section.section("limits"), &mut config.limits);
    HandlerConfig {
        routes: routes(section),
        environment: values(&section.section("environment"), sources),
        config: values(&section.section("config"), sources),
        folders: folders(section, folder),
        key_value: key_value::granted(section, buckets),
        compression: compression(section),
        ..config
    }
}

/// The routes of `NAME.toml`.
pub(super) fn handler_file(section: &Section<'_, '_>) -> Option<Vec<RouteConfig>> {
    FILE.read(section, &mut ());
    let routes = routes(section);
    for route in routes.iter().flatten().filter(|route| !route.route.host.is_any()) {
        section.problem(format!("`{}`: only the configuration may claim a host", route.route));
    }
    routes
}

fn folders(section: &Section<'_, '_>, folder: &Path) -> Vec<FolderConfig> {
    let mut folders = Vec::new();
    for (key, writable) in [("folders", false), ("writable_folders", true)] {
        for (path, dir) in section.section(key).strings_by_key() {
            let dir = folder.join(dir);
            if !path.starts_with('/') {
                let wrong = format!("`{path}` is the guest's path and begins with `/`");
                section.problem_at(key, wrong);
            }
            if !dir.is_dir() {
                let dir = (dir.display(), absent(&dir));
                section.problem_at(
                    key,
                    format!("the folder {} {}; create it, or correct the path", dir.0, dir.1),
                );
            }
            folders.push(FolderConfig { path, dir, writable });
        }
    }
    folders
}

/// How a folder is not there.
pub(super) fn absent(dir: &Path) -> &'static str {
    match dir.exists() {
        true => "is a file",
        false => "does not exist",
    }
}
