//! A handler each of whose routes misbehaves in one way, beside some that do not.
//!
//! The host tests ask what each costs: the request itself, never its neighbours,
//! never the server.

use std::hint::black_box;
use std::time::Duration;

use futures_util::StreamExt as _;
use patchboard::{Body, Path, Query, Request, config, future, get, post, stream, time};
use serde::Deserialize;
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::{IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

/// Answers at once.
#[get("/ok")]
async fn ok() -> &'static str {
    "ok"
}

/// Panics.
#[get("/trap")]
async fn trap() -> &'static str {
    panic!("this panic is asked for")
}

/// Panics when others have had the time to get going.
#[get("/trap-later")]
async fn trap_later(Query(Wait { ms }): Query<Wait>) -> &'static str {
    time::sleep(Duration::from_millis(ms)).await;
    panic!("this panic is asked for, later")
}

/// Whether to panic.
#[derive(Deserialize)]
struct Trap {
    now: bool,
}

/// Panics if it is told to.
#[get("/trap-if")]
async fn trap_if(Query(Trap { now }): Query<Trap>) -> &'static str {
    assert!(!now, "this panic is asked for");
    "no trap"
}

/// Holds on to all the resources of the host that it can get.
#[get("/hoard")]
async fn hoard() -> String {
    let mut hoard = Vec::new();
    while black_box(true) {
        hoard.push(subscribe_duration(1_000_000_000));
    }
    hoard.len().to_string()
}

/// Computes without end.
#[get("/spin")]
async fn spin() -> String {
    eprintln!("spin: begins");
    let mut turns = 0_u64;
    while black_box(true) {
        turns = black_box(turns.wrapping_add(1));
    }
    turns.to_string()
}

/// How much to compute.
#[derive(Deserialize)]
struct Work {
    steps: u64,
}

/// Computes for a while.
#[get("/compute")]
async fn compute(Query(Work { steps }): Query<Work>) -> String {
    let mut turns = 0_u64;
    for _ in 0..steps {
        turns = black_box(turns.wrapping_add(1));
    }
    turns.to_string()
}

/// Takes memory without end.
#[get("/memory")]
async fn memory() -> String {
    let mut hoard = Vec::new();
    while black_box(true) {
        hoard.push(vec![1_u8; 1 << 20]);
    }
    hoard.len().to_string()
}

/// Awaits what never comes.
#[get("/never")]
async fn never() -> &'static str {
    future::pending().await
}

/// Sends the start of a body, then panics.
#[get("/half")]
async fn half() -> Body {
    let rest = stream::once(async {
        time::sleep(Duration::from_millis(50)).await;
        panic!("this panic is asked for, half-way");
    });
    let start = stream::iter([Ok::<&str, std::fmt::Error>("the first half")]);
    Body::from_stream(start.chain(rest))
}

/// Sends a start, then nothing, for ever.
#[get("/stall")]
async fn stall() -> Body {
    let start = stream::iter([Ok::<&str, std::fmt::Error>("the first half")]);
    Body::from_stream(start.chain(stream::pending()))
}

/// Sends bytes for as long as somebody takes them.
#[get("/endless")]
async fn endless() -> Body {
    Body::from_stream(stream::repeat_with(|| Ok::<_, std::fmt::Error>(vec![b'x'; 16 << 10])))
}

/// Blocks its thread, which no handler should.
#[get("/sleep-blocking")]
async fn sleep_blocking() -> &'static str {
    std::thread::sleep(Duration::from_secs(2));
    "slept, blocking"
}

/// How long to wait.
#[derive(Deserialize)]
struct Wait {
    ms: u64,
}

/// Waits as a handler should.
#[get("/sleep")]
async fn sleep(Query(Wait { ms }): Query<Wait>) -> &'static str {
    eprintln!("sleep: begins");
    time::sleep(Duration::from_millis(ms)).await;
    "slept"
}

/// As `sleep`, but of a method that must not be run twice.
#[post("/sleep")]
async fn sleep_once(Query(Wait { ms }): Query<Wait>) -> &'static str {
    eprintln!("sleep: begins");
    time::sleep(Duration::from_millis(ms)).await;
    "slept"
}

/// Writes far more log than its limit.
#[get("/log-flood")]
async fn log_flood() -> &'static str {
    for line in 0..20_000 {
        eprintln!("flood: line {line}, and some more to make it long enough to matter");
    }
    "flooded"
}

/// Tries to write a log line that looks like the host's own.
#[get("/log-forge")]
async fn log_forge() -> &'static str {
    eprintln!("forged: \u{1b}[2J\r2026-01-01T00:00:00Z ERROR forged by the guest");
    "forged"
}

/// Reads its body a chunk at a time, with a pause after each; answers the length.
#[post("/slow-read")]
async fn slow_read(request: Request) -> String {
    let mut body = request.into_body().into_data_stream();
    let mut length = 0;
    while let Some(chunk) = body.next().await {
        match chunk {
            Ok(chunk) => length += chunk.len(),
            Err(error) => return format!("failed after {length}: {error}"),
        }
        time::sleep(Duration::from_millis(2)).await;
    }
    length.to_string()
}

/// Answers before it has read its body.
#[post("/unread")]
async fn unread(_request: Request) -> &'static str {
    "not interested"
}

/// Sends the body back as it comes.
#[post("/echo")]
async fn echo(request: Request) -> Body {
    request.into_body()
}

/// Answers with its parameter, which the host has checked.
#[get("/typed/{id:int}/{year:\\d{4}}")]
async fn typed(Path((id, year)): Path<(i64, u16)>) -> String {
    format!("{id} {year}")
}

/// Lists its environment.
#[get("/env")]
async fn env() -> String {
    let mut variables: Vec<_> = std::env::vars().map(|(name, value)| format!("{name}={value}\n")).collect();
    variables.sort();
    variables.concat()
}

/// Lists its configuration.
#[get("/config")]
async fn configuration() -> String {
    let one = config::get("one");
    let all: Vec<_> = config::all().iter().map(|(key, value)| format!("{key}={value}\n")).collect();
    format!("{one:?}\n{}", all.concat())
}

/// Says what a handler can find out of the machine: files, arguments, sockets.
#[get("/powers")]
async fn powers() -> String {
    let files = std::fs::read_dir("/").map(|entries| entries.count());
    format!("files: {}\nsocket: {}\n", files.is_ok(), may_connect())
}

/// Reads a file, or tries to.
#[get("/file/{*path}")]
async fn read_file(Path(path): Path<String>) -> String {
    std::fs::read_to_string(format!("/{path}")).unwrap_or_else(|error| format!("error: {:?}", error.kind()))
}

/// Writes a file, or tries to.
#[post("/file/{*path}")]
async fn write_file(Path(path): Path<String>) -> String {
    match std::fs::write(format!("/{path}"), "written") {
        Ok(()) => "written".to_owned(),
        Err(error) => format!("error: {:?}", error.kind()),
    }
}

/// By WASI itself, since not every libc for it has the functions that `std::net` needs.
fn may_connect() -> bool {
    let Ok(socket) = create_tcp_socket(IpAddressFamily::Ipv4) else { return false };
    let address = Ipv4SocketAddress { port: 80, address: (127, 0, 0, 1) };
    socket.start_connect(&instance_network(), IpSocketAddress::Ipv4(address)).is_ok()
}
