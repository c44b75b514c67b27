//! The router: what a match costs by the number of routes, by the depth of the path,
//! by the kind of route, and at its worst.
//!
//! `cargo bench -p patchboard-server --bench router`. "Parse and find" is all that a request
//! pays: its host and path are parsed, the route is found, and its parameters are
//! read. The path of "by the number of routes" has eight segments, three of them
//! parameters.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "criterion's macros make undocumented functions; a benchmark may fail"
)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use http::Method;
use patchboard_server::router::{Find, RequestHost, RequestPath, Route, Table};

const SIZES: [usize; 3] = [10, 1_000, 10_000];
/// Three parameters among 1,000 routes; `service503` is in the middle of them.
const THREE_PARAMETERS: &str = "/api/v1/service503/alpha/parts/beta/items/gamma";

/// As of a REST service: collections, items, items within items.
fn table(size: usize, host: &str) -> Table<usize> {
    let mut table = Table::default();
    for n in 0..size {
        let pattern = match n % 5 {
            0 => format!("GET {host}/api/v1/service{n}"),
            1 => format!("GET {host}/api/v1/service{n}/{{id:int}}"),
            2 => format!("POST {host}/api/v1/service{n}/{{id:int}}/parts"),
            3 => format!("GET {host}/api/v1/service{n}/{{a}}/parts/{{b}}/items/{{c}}"),
            _ => format!("GET {host}/api/v1/service{n}/files/{{*path}}"),
        };
        let pattern = pattern.parse().unwrap();
        assert!(table.conflict(&pattern, None).is_none());
        table.insert(Route::new(pattern, n));
    }
    table
}

/// All that a request pays; 0 where no route is found.
fn request(table: &Table<usize>, host: &str, path: &str) -> usize {
    let host = RequestHost::new(host);
    let path = RequestPath::parse(path).unwrap();
    match table.find(&Method::GET, &host, &path) {
        Find::Found(found) => 1 + found.values().map(|(name, value)| name.len() + value.len()).sum::<usize>(),
        _ => 0,
    }
}

fn by_size(c: &mut Criterion) {
    let tables: Vec<_> = SIZES
        .map(|size| {
            let path = format!("/api/v1/service{}/alpha/parts/beta/items/gamma", size / 2 / 5 * 5 + 3);
            (size, table(size, ""), path)
        })
        .into();
    let mut group = c.benchmark_group("parse and find");
    for (size, table, path) in &tables {
        assert_ne!(request(table, "example.com", path), 0);
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            b.iter(|| request(table, black_box("example.com"), black_box(path)));
        });
    }
    group.finish();
    let mut group = c.benchmark_group("find alone");
    for (size, table, path) in &tables {
        let (host, path) = (RequestHost::new("example.com"), RequestPath::parse(path).unwrap());
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            b.iter(|| matches!(table.find(&Method::GET, black_box(&host), black_box(&path)), Find::Found(_)));
        });
    }
    group.finish();
    c.bench_function("parse alone", |b| {
        b.iter(|| RequestPath::parse(black_box(THREE_PARAMETERS)).is_ok());
    });
}

/// All segments are parameters; as many routes as above lie beside this one.
fn by_depth(c: &mut Criterion) {
    for size in SIZES {
        let mut group = c.benchmark_group(format!("by depth among {size}"));
        for depth in [2, 4, 8, 16, 32] {
            let mut table = table(size, "");
            let pattern: String = (0..depth).map(|at| format!("/{{p{at}}}")).collect();
            table.insert(Route::new(pattern.parse().unwrap(), 0));
            let path = "/value".repeat(depth);
            assert_ne!(request(&table, "", &path), 0);
            group.bench_function(BenchmarkId::from_parameter(depth), |b| {
                b.iter(|| request(&table, black_box("example.com"), black_box(&path)));
            });
        }
        group.finish();
    }
}

fn by_kind(c: &mut Criterion) {
    let table = table(1_000, "");
    let mut group = c.benchmark_group("by kind among 1000");
    let mut bench = |name: &str, table: &Table<usize>, host: &str, path: &str, found: bool| {
        assert_eq!(request(table, host, path) > 0, found, "{path}");
        group.bench_function(name, |b| b.iter(|| request(table, black_box(host), black_box(path))));
    };
    for (name, path, found) in [
        ("literal", "/api/v1/service500", true),
        ("int", "/api/v1/service501/12345", true),
        ("tail", "/api/v1/service504/files/a/b/c/d.txt", true),
        ("encoded", "/api/v1/service503/al%20pha/parts/b%C3%A9ta/items/gamma", true),
        ("404", "/api/v1/none/1/2", false),
        ("405", "/api/v1/service502/7/parts", false),
    ] {
        bench(name, &table, "example.com", path, found);
    }
    let hosts = self::table(1_000, "{tenant}.example.com");
    bench("host parameter", &hosts, "acme.example.com:8080", THREE_PARAMETERS, true);
    let mut shapes = Table::default();
    for route in [r"/{y:\d{4}}/{m:\d{2}}/{slug:[a-z-]+}", "/{a}-{b}.html"] {
        shapes.insert(Route::new(route.parse().unwrap(), 0));
    }
    bench("three regexes", &shapes, "", "/2024/02/a-word", true);
    bench("parameters in text", &shapes, "", "/one-two.html", true);
    group.finish();
}

fn at_worst(c: &mut Criterion) {
    let mut group = c.benchmark_group("at worst");
    // Every choice of text or parameter matches nine segments and fails at the tenth:
    // each of the 1,023 nodes is visited once.
    let mut choices = Table::default();
    for bits in 0..512_u32 {
        let places =
            (0..9).map(|at| if bits >> at & 1 == 1 { "/a".to_owned() } else { format!("/{{p{at}}}") });
        choices.insert(Route::new(format!("{}/end", places.collect::<String>()).parse().unwrap(), 0));
    }
    let path = "/a".repeat(10);
    group
        .bench_function("512 routes fail at the end", |b| b.iter(|| request(&choices, "", black_box(&path))));
    let mut shapes = Table::default();
    for n in 0..64 {
        shapes.insert(Route::new(format!("/{{a}}.ext{n}").parse().unwrap(), n));
    }
    group.bench_function("64 shapes at one place", |b| {
        b.iter(|| request(&shapes, "", black_box("/name.none")));
    });
    let table = table(1_000, "");
    let long = "/a".repeat(10_000);
    group.bench_function("10000 segments", |b| b.iter(|| request(&table, "", black_box(&long))));
    group.finish();
}

/// Shorter than criterion's own: nothing here takes long, and all together minutes.
fn settings() -> Criterion {
    Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2))
}

criterion_group! {
    name = benches;
    config = settings();
    targets = by_size, by_depth, by_kind, at_worst
}
criterion_main!(benches);
