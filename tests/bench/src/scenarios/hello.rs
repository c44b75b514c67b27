//! `Hello, world` by a handler: what a call costs, in each world and isolation, beside
//! an answer by hyper alone and one by `wasmtime serve`, with every limit on.

use super::scenario::{Kind, Scenario, Served, no_files};
use crate::aim::{Aim, Bound, Of};
use crate::load::Load;
use crate::request::Request;
use crate::row::Measure;
use crate::subjects::native::NATIVE;
use crate::subjects::{Subject, patchboard, wasmtime};

/// The same component, or where ours is of our world, the same source for 0.3.
const PEERS: &[&Subject] = &[&NATIVE, &wasmtime::HELLO_0_3];
const PEERS_0_2: &[&Subject] = &[&NATIVE, &wasmtime::HELLO_0_2];

pub(crate) static HELLO: Scenario = Scenario {
    name: "hello",
    about: "a handler of our world, its calls in shared instances",
    kind: served(&patchboard::HELLO, &[at_most(1.8, &NATIVE), at_most(0.22, &wasmtime::HELLO_0_3)]),
};

pub(crate) static HELLO_REUSE: Scenario = Scenario {
    name: "hello-reuse",
    about: "the same handler, one call at a time in an instance",
    kind: served(&patchboard::HELLO_REUSE, &[]),
};

pub(crate) static HELLO_FRESH: Scenario = Scenario {
    name: "hello-fresh",
    about: "the same handler, a fresh instance for every call; wasmtime's are for 128",
    kind: served(&patchboard::HELLO_FRESH, &[at_most(5.0, &NATIVE), at_most(0.6, &wasmtime::HELLO_0_3)]),
};

pub(crate) static HELLO_0_3: Scenario = Scenario {
    name: "hello-wasi-http-0.3",
    about: "a standard component of wasi:http 0.3, its calls in shared instances",
    kind: served(&patchboard::HELLO_0_3, &[at_most(2.8, &NATIVE), at_most(0.33, &wasmtime::HELLO_0_3)]),
};

pub(crate) static HELLO_0_3_REUSE: Scenario = Scenario {
    name: "hello-wasi-http-0.3-reuse",
    about: "the same component, one call at a time in an instance",
    kind: served(&patchboard::HELLO_0_3_REUSE, &[]),
};

pub(crate) static HELLO_0_3_FRESH: Scenario = Scenario {
    name: "hello-wasi-http-0.3-fresh",
    about: "the same component, a fresh instance for every call; wasmtime's are for 128",
    kind: served(&patchboard::HELLO_0_3_FRESH, &[]),
};

pub(crate) static HELLO_0_2_FRESH: Scenario = Scenario {
    name: "hello-wasi-http-0.2",
    about: "a standard component of wasi:http 0.2, a fresh instance for every call",
    kind: Kind::Served(Served {
        ours: &patchboard::HELLO_0_2_FRESH,
        peers: PEERS_0_2,
        request: Request::get("/plain"),
        aims: &[at_most(7.0, &NATIVE), at_most(0.33, &wasmtime::HELLO_0_2)],
        ..HELLO_SERVED
    }),
};

pub(crate) static HELLO_HEADERS: Scenario = Scenario {
    name: "hello-headers",
    about: "a handler of our world, asked with the 16 header fields of a browser",
    kind: Kind::Served(Served { request: Request { fields: BROWSER, ..Request::get("/") }, ..HELLO_SERVED }),
};

/// Beside `host`, which every request has.
const BROWSER: &[(&str, &str)] = &[
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-GB,en;q=0.8,de;q=0.5,fr;q=0.3"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("referer", "http://www.example.org/some/page?with=a&query=string"),
    ("connection", "keep-alive"),
    ("cookie", "session=5f0c8e2e9b8d4f6aa1c7e3d2b4a69780; theme=dark; consent=necessary"),
    ("upgrade-insecure-requests", "1"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-site", "same-origin"),
    ("sec-fetch-user", "?1"),
    ("dnt", "1"),
    ("priority", "u=0, i"),
    ("cache-control", "no-cache"),
];

const HELLO_SERVED: Served = Served {
    ours: &patchboard::HELLO,
    peers: PEERS,
    site: no_files,
    request: Request::get("/"),
    bytes: 12,
    load: Load::Steady { connections: 32 },
    seconds: 3,
    aims: &[],
    each: None,
};

const fn served(ours: &'static Subject, aims: &'static [Aim]) -> Kind {
    Kind::Served(Served { ours, aims, ..HELLO_SERVED })
}

/// Of the CPU time that the peer takes.
const fn at_most(ratio: f64, peer: &Subject) -> Aim {
    Aim { measure: Measure::Cpu, bound: Bound::AtMost(ratio), of: Of::Peer(peer.name) }
}
