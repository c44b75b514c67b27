//! What others notice of those who would have the server for themselves: guests that
//! compute without end, and clients that never finish their heads.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::scenario::{Kind, Scenario};
use crate::aim::Bound;
use crate::burst::allow_files;
use crate::measured::{Sample, Series};
use crate::process::Usage;
use crate::report::Report;
use crate::request::Request;
use crate::subjects::{Running, Setting, patchboard};
use crate::wrk::Wrk;

pub(crate) static SPINNING: Scenario = Scenario {
    name: "spinning",
    about: "hello under the load of 32 connections, beside 32 calls of another handler that compute without end",
    kind: Kind::Series(Series {
        measure: spinning,
        needs: &[],
        value: "ms that the p99 is longer than without",
        // Three slices of 10 ms.
        bound: Bound::AtMost(30.0),
    }),
};

pub(crate) static SLOW_HEADS: Scenario = Scenario {
    name: "slow-heads",
    about: "hello under the load of 32 connections, beside 10,000 clients that send a byte of a head each second, \
            where 4,096 connections are allowed",
    kind: Kind::Series(Series {
        measure: slow_heads,
        needs: &[],
        value: "times the p99 without",
        bound: Bound::AtMost(3.0),
    }),
};

/// Of load, with and without the attack.
const SECONDS: u32 = 3;
const SPINNERS: usize = 32;
const ATTACKERS: usize = 10_000;
const THREADS: usize = 2;
const CONNECTIONS: u64 = 4096;
/// How long an attack may take to get going.
const ASSEMBLY: Duration = Duration::from_secs(2);

fn spinning(setting: &Setting<'_>) -> Result<Sample> {
    let running = (patchboard::HELLO_AND_ILL.start)(setting)?;
    let without = load(&running, setting)?;
    let spin = Request::get("/spin").bytes(running.address());
    let mut spinners = Vec::new();
    for _ in 0..SPINNERS {
        let mut stream = TcpStream::connect(running.address()).context("could not connect")?;
        stream.write_all(&spin)?;
        spinners.push(stream);
    }
    thread::sleep(ASSEMBLY);
    let with = load(&running, setting)?;
    drop(spinners);
    Ok(Sample { value: (with.p99_us - without.p99_us) / 1e3, us: with.p99_us })
}

fn slow_heads(setting: &Setting<'_>) -> Result<Sample> {
    // Theirs, and the server's, which inherits the limit.
    allow_files(ATTACKERS as u64 + 1000)?;
    let running = (patchboard::HELLO.start)(setting)?;
    let without = load(&running, setting)?;
    let before = Usage::of_tree(running.pid())?.rss_bytes;
    let over = AtomicBool::new(false);
    let (with, after) = thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| attack(running.address(), ATTACKERS / THREADS, &over));
        }
        thread::sleep(ASSEMBLY);
        let with = load(&running, setting);
        let after = Usage::of_tree(running.pid());
        over.store(true, Ordering::Relaxed);
        anyhow::Ok((with?, after?.rss_bytes))
    })?;
    eprintln!("    {} bytes a connection", after.saturating_sub(before) / CONNECTIONS);
    Ok(Sample { value: with.p99_us / without.p99_us, us: with.p99_us })
}

/// Fails where a request does.
fn load(running: &Running, setting: &Setting<'_>) -> Result<Report> {
    let request = Request::get("/");
    let wrk = Wrk { address: running.address(), request: &request, connections: 32, seconds: SECONDS };
    wrk.run(&setting.folder)
}

/// Keeps up so many connections with unfinished heads; who is thrown out comes back.
fn attack(address: SocketAddr, count: usize, over: &AtomicBool) {
    let mut attackers: Vec<Option<TcpStream>> = std::iter::repeat_with(|| None).take(count).collect();
    while !over.load(Ordering::Relaxed) {
        let start = Instant::now();
        for attacker in &mut attackers {
            if over.load(Ordering::Relaxed) {
                return;
            }
            let sent = match attacker {
                Some(stream) => stream.write_all(b"a").is_ok(),
                None => {
                    *attacker = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok();
                    attacker.as_mut().is_some_and(|stream| {
                        stream.set_nonblocking(true).is_ok()
                            && stream.write_all(b"GET / HTTP/1.1\r\nHost: test\r\nX-Slow: ").is_ok()
                    })
                }
            };
            if !sent {
                *attacker = None;
            }
        }
        thread::sleep(Duration::from_secs(1).saturating_sub(start.elapsed()));
    }
}
