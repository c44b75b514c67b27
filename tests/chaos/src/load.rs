//! The load: all clients at once, each on a thread of its own, until the time is over or
//! there were enough requests. The seed decides what each does, turn by turn; only how
//! the threads' turns fall is the machine's.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use fastrand::Rng;
use patchboard_tests::Server;

use crate::clients::{self, Client, MANNERS, Manner};
use crate::health::{self, Visitor};
use crate::ledger::Ledger;
use crate::process::Holdings;

/// Ill-behaved clients.
const CLIENTS: usize = 32;
/// Longest pause of one between two turns, in milliseconds.
const PAUSE_MS: u64 = 20;
/// So many lines of the log are kept, of the hundreds that there are a second.
const LOG_LINES: usize = 1000;
const MINUTE: Duration = Duration::from_secs(60);
/// Where it is calls that count, so many turns of a hundred are quick ones.
const QUICK_TURNS: u32 = 95;

/// When a load ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    /// After so long.
    Over(Duration),
    /// After so many requests in all, which are mostly quick ones.
    Asked(u64),
}

/// Runs the clients, and prints a line a minute.
pub(crate) fn run(server: &Server, ledger: &Ledger, rng: &mut Rng, until: Until) -> Result<()> {
    let stop = AtomicBool::new(false);
    let going = || !stop.load(Ordering::Relaxed) && !ledger.is_full();
    thread::scope(|scope| {
        for handler in health::handlers() {
            let mut visitor = Visitor::new(handler, server.address(), rng.fork());
            scope.spawn(move || {
                while going() {
                    visitor.visit(ledger);
                }
            });
        }
        for _ in 0..CLIENTS {
            let mut client = Client { address: server.address(), rng: rng.fork(), ledger };
            scope.spawn(move || {
                while going() {
                    let manner = next(&mut client.rng, until);
                    if let Err(failure) = manner(&mut client) {
                        ledger.wrong("a client", failure);
                    }
                    thread::sleep(Duration::from_millis(client.rng.u64(..PAUSE_MS)));
                }
            });
        }
        let watched = watch(server, ledger, until, &going);
        stop.store(true, Ordering::Relaxed);
        watched
    })
}

fn next(rng: &mut Rng, until: Until) -> Manner {
    if matches!(until, Until::Asked(_)) && rng.u32(..100) < QUICK_TURNS {
        return clients::BURST;
    }
    let all: u32 = MANNERS.iter().map(|(weight, _)| weight).sum();
    let mut ticket = rng.u32(..all);
    for (weight, manner) in MANNERS {
        match ticket.checked_sub(weight) {
            Some(rest) => ticket = rest,
            None => return manner,
        }
    }
    clients::BURST
}

/// Returns when it is to end.
fn watch(server: &Server, ledger: &Ledger, until: Until, going: &impl Fn() -> bool) -> Result<()> {
    let start = Instant::now();
    let mut minutes = 1;
    while going() {
        let over = match until {
            Until::Over(time) => start.elapsed() >= time,
            Until::Asked(calls) => ledger.asked() >= calls,
        };
        if over {
            break;
        }
        if start.elapsed() >= minutes * MINUTE {
            let holdings = Holdings::of(server.pid())?;
            eprintln!("chaos: minute {minutes}: {holdings}; {}", ledger.summary());
            minutes += 1;
        }
        server.log.keep_last(LOG_LINES);
        thread::sleep(Duration::from_millis(20));
    }
    // That it still runs.
    Holdings::of(server.pid()).map(drop)
}
