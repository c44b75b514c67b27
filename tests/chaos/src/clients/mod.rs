//! The clients: each takes a turn in one of many manners, most of them bad.

mod crowd;
mod leaving;
mod malformed;
mod patient;
mod slow;

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use fastrand::Rng;

use crate::cases::Case;
use crate::ledger::{Came, Ledger};
use crate::wire::{Answer, Failure, Wire};

/// What a client needs for its turns.
pub(crate) struct Client<'l> {
    pub(crate) address: SocketAddr,
    pub(crate) rng: Rng,
    pub(crate) ledger: &'l Ledger,
}

/// How a client behaves in a turn.
pub(crate) type Manner = fn(&mut Client<'_>) -> Result<(), Failure>;

/// The manners with their weights: those that take long are rarer.
pub(crate) const MANNERS: [(u32, Manner); 16] = [
    (20, patient::keeps_asking),
    (10, patient::pipelines),
    (5, patient::half_closes),
    (10, leaving::after_the_head),
    (10, leaving::before_the_answer),
    (10, leaving::in_a_body),
    (10, leaving::between_requests),
    (5, slow::reads_byte_by_byte),
    (5, slow::never_reads),
    (5, slow::sends_byte_by_byte),
    (3, slow::takes_too_long_for_a_head),
    (3, slow::says_nothing),
    (10, malformed::sends_a_bad_head),
    (10, malformed::sends_a_bad_chunk),
    (5, malformed::sends_a_huge_head),
    (3, crowd::comes_in_numbers),
];

/// A client that is quick, and asks much.
pub(crate) const BURST: Manner = patient::bursts;

impl Client<'_> {
    fn open(&self) -> Result<Wire, Failure> {
        Wire::open(self.address)
    }

    /// Waits for as long as a slow client does.
    fn dawdle(&mut self, most: u64) {
        thread::sleep(Duration::from_millis(self.rng.u64(..=most)));
    }

    /// Notes the answer to `case`; gives whether the connection must go on.
    fn judge(&self, case: &Case, answer: Result<Answer, Failure>) -> bool {
        match answer {
            Ok(answer) => match case.check(&answer) {
                Ok(()) => {
                    self.ledger.note(&case.name, came(&answer));
                    return answer.keeps_alive() && case.is_read_by(&answer);
                }
                Err(wrong) => self.ledger.wrong(&case.name, wrong),
            },
            Err(Failure::Ended) if case.may_get_none() => self.ledger.note(&case.name, Came::Closed),
            Err(failure) => self.ledger.wrong(&case.name, failure),
        }
        false
    }
}

/// How an answer that is right is counted.
fn came(answer: &Answer) -> Came {
    if answer.is_whole { Came::Status(answer.status) } else { Came::Cut }
}
