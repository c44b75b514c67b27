//! A client, whatever its manner: where it connects, and how it notes what it was told.

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

impl Client<'_> {
    pub(super) fn open(&self) -> Result<Wire, Failure> {
        Wire::open(self.address)
    }

    /// Waits for as long as a slow client does.
    pub(super) fn dawdle(&mut self, most: u64) {
        thread::sleep(Duration::from_millis(self.rng.u64(..=most)));
    }

    /// Notes the answer to `case`; gives whether the connection must go on.
    pub(super) fn judge(&self, case: &Case, answer: Result<Answer, Failure>) -> bool {
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
