//! `[handlers.NAME]`: its keys and their defaults; and `NAME.toml`, which has routes only.

use super::compress::{COMPRESS_OR_NOT, compression};
use super::key::{Key, Table, Unset};
use super::reader::Section;
use super::route::{ROUTES, ROUTES_TEXT, routes};
use super::types::{HandlerConfig, Isolation, Limits, RouteConfig};
use crate::handlers::grants::grants_config::{Context, GrantsConfig, Tables};
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
                "`\"shared\"` where the component can have several calls at once, else `\"request\"`, or `\"reuse\"` if it imports what would hold an instance while it waits, such as `wasi:keyvalue`, is lifted synchronously, or is composed of several",
            ),
            "How its calls share instances: a fresh one for every call, one call at a time, or many at once as \
             coroutines.",
        ),
        Key::<HandlerConfig>::count(
            "instances",
            1,
            |h| h.instances.get_or_insert(0),
            "The instances in which all its calls run, whichever core they come to, for state in memory; they are \
             kept while the server runs this version, until one traps. Calls that come to another core take a \
             few microseconds longer, and all of one instance run on one core. Needs `isolation = \"shared\"`.",
        )
        .by_default("as many as the calls need, on each core"),
        Key::other(
            "compress",
            COMPRESS_OR_NOT,
            Unset::Said("false"),
            "Whether, and how, its responses are compressed.",
        ),
        Key::boolean(
            "optional",
            |h| &mut h.is_optional,
            "Whether its component may be missing, such as one that not every machine can build; where it is, the \
             rest is served without it.",
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
            "All memories and tables of an instance together, with what the host holds for it: resources, \
             parameters of what it awaits, buffers. More than the largest at start needs a restart.",
        ),
        Key::<Limits>::bytes(
            "total_memory_bytes",
            64 << 10,
            |l| &mut l.total_memory_bytes,
            "Likewise, of all its instances together: 500, or 503 where none can start.",
        )
        .by_default("no limit"),
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
    context: &Context<'_>,
    tables: &Tables,
) -> HandlerConfig {
    check_name("a handler", name).unwrap_or_else(|problem| section.problem(problem));
    let (limits, mut config) = (section.section("limits"), HandlerConfig::default());
    HANDLER.read_beside(section, &mut config, &GrantsConfig::names());
    LIMITS.read_beside(&limits, &mut config.limits, &GrantsConfig::names_of_limits());
    HandlerConfig {
        routes: routes(section),
        grants: GrantsConfig::read(section, &limits, context, tables),
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
