//! The framing guard: what the head of a request costs, whole and in two reads, and
//! what a chunk costs.
//!
//! `cargo bench -p patchboard-server --bench framing`. The head is that of a browser, with 16
//! fields.

#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use patchboard_server::server::guard::{Framing, HeadLimits};

const BROWSER: &str = "\
GET /demo1/world?from=menu HTTP/1.1\r\n\
Host: www.example.com:8080\r\n\
Connection: keep-alive\r\n\
Cache-Control: max-age=0\r\n\
sec-ch-ua: \"Chromium\";v=\"130\", \"Google Chrome\";v=\"130\", \"Not?A_Brand\";v=\"99\"\r\n\
sec-ch-ua-mobile: ?0\r\n\
sec-ch-ua-platform: \"Linux\"\r\n\
Upgrade-Insecure-Requests: 1\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\n\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
Sec-Fetch-Site: same-origin\r\n\
Sec-Fetch-Mode: navigate\r\n\
Sec-Fetch-User: ?1\r\n\
Sec-Fetch-Dest: document\r\n\
Referer: http://www.example.com:8080/\r\n\
Accept-Encoding: gzip, deflate, br, zstd\r\n\
Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
\r\n";

fn heads(c: &mut Criterion) {
    let mut group = c.benchmark_group("head");
    let mut framing = Framing::new(HeadLimits::new(64 << 10));
    group
        .bench_function("browser's 16 fields", |b| b.iter(|| framing.advance(black_box(BROWSER.as_bytes()))));
    let (first, _) = BROWSER.as_bytes().split_at(BROWSER.len() / 2);
    group.bench_function("browser's 16 fields in two reads", |b| {
        b.iter(|| (framing.advance(black_box(first)), framing.advance(black_box(BROWSER.as_bytes()))));
    });
    let short = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    group.bench_function("one field", |b| b.iter(|| framing.advance(black_box(short.as_bytes()))));
    group.finish();
}

fn chunks(c: &mut Criterion) {
    let mut group = c.benchmark_group("chunk");
    let mut framing = Framing::new(HeadLimits::new(64 << 10));
    framing.advance(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunk = [b"2000\r\n", [b'x'; 8192].as_slice(), b"\r\n"].concat();
    group.bench_function("8 KiB", |b| b.iter(|| framing.advance(black_box(&chunk))));
    group.finish();
}

/// Shorter than criterion's own: nothing here takes long.
fn settings() -> Criterion {
    Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2))
}

criterion_group! {
    name = benches;
    config = settings();
    targets = heads, chunks
}
criterion_main!(benches);
