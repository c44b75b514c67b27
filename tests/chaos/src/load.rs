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
/// How often it is looked whether the load is over.
const LOOK: Duration = Duration::from_millis(20);
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

/// The clients and what they ask.
pub(crate) struct Load<'s> {
    server: &'s Server,
    pub(crate) ledger: Ledger,
    /// Full minutes of load so far that a line was printed for, and the time since.
    minutes: u32,
    since: Duration,
}

impl<'s> Load<'s> {
    pub(crate) fn new(server: &'s Server) -> Self {
        Self { server, ledger: Ledger::default(), minutes: 0, since: Duration::ZERO }
    }

    /// Runs the clients, and prints a line a minute.
    pub(crate) fn run(&mut self, rng: &mut Rng, until: Until) -> Result<()> {
        let stop = AtomicBool::new(false);
        let (server, ledger) = (self.server, &self.ledger);
        let going = || !stop.load(Ordering::Relaxed) && !ledger.is_full();
        let watched = thread::scope(|scope| {
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
            let watched = self.watch(until, &going);
            stop.store(true, Ordering::Relaxed);
            watched
        });
        (self.minutes, self.since) = watched?;
        Ok(())
    }

    /// Returns when it is to end, with the minutes so far and the time since.
    fn watch(&self, until: Until, going: &impl Fn() -> bool) -> Result<(u32, Duration)> {
        let start = Instant::now();
        let (mut minutes, mut since) = (self.minutes, self.since);
        while going() {
            let over = match until {
                Until::Over(time) => start.elapsed() >= time,
                Until::Asked(calls) => self.ledger.asked() >= calls,
            };
            if over {
                break;
            }
            if since >= MINUTE {
                (minutes, since) = (minutes + 1, since - MINUTE);
                let holdings = Holdings::of(self.server.pid())?;
                eprintln!("chaos: minute {minutes}: {holdings}; {}", self.ledger.summary());
            }
            self.server.log.keep_last(LOG_LINES);
            let look = Instant::now();
            thread::sleep(LOOK);
            since += look.elapsed();
        }
        // That it still runs.
        Holdings::of(self.server.pid())?;
        Ok((minutes, since))
    }
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
