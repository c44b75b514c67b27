//! Clients that wait for their answers and read them: one by one, pipelined, or with
//! their own end of the connection closed.

use super::Client;
use crate::cases::Case;
use crate::ledger::Came;
use crate::wire::{Failure, Wire};

/// Requests of a burst.
const BURST: usize = 100;

/// Asks several things, one after the other, on as few connections as the server wants.
pub(super) fn keeps_asking(client: &mut Client<'_>) -> Result<(), Failure> {
    let count = client.rng.usize(1..6);
    asks(client, count, Case::any)
}

/// Asks many quick things.
pub(super) fn bursts(client: &mut Client<'_>) -> Result<(), Failure> {
    asks(client, BURST, Case::quick)
}

fn asks(client: &mut Client<'_>, count: usize, next: fn(&mut fastrand::Rng) -> Case) -> Result<(), Failure> {
    let mut kept: Option<Wire> = None;
    for _ in 0..count {
        let case = next(&mut client.rng);
        client.ledger.ask();
        let mut wire = match kept.take() {
            Some(wire) => wire,
            None => client.open()?,
        };
        wire.send(case.request());
        let answer = wire.answer();
        if client.judge(&case, answer) {
            kept = Some(wire);
        }
    }
    Ok(())
}

/// Sends several requests at once; the answers come in their order, up to the first that
/// ends the connection.
pub(super) fn pipelines(client: &mut Client<'_>) -> Result<(), Failure> {
    let count = client.rng.usize(2..6);
    let mut cases: Vec<_> = std::iter::repeat_with(|| Case::quick(&mut client.rng))
        .filter(|case| !case.is_too_large())
        .take(count)
        .collect();
    let mut wire = client.open()?;
    cases.iter().for_each(|_| client.ledger.ask());
    wire.send(cases.iter().flat_map(Case::request).collect::<Vec<_>>());
    let mut rest = cases.drain(..);
    for case in rest.by_ref() {
        let answer = wire.answer();
        if !client.judge(&case, answer) {
            break;
        }
    }
    for case in rest {
        client.ledger.note(&case.name, Came::Left);
    }
    Ok(())
}

/// Sends a request and the end of all it will ever send; the server may take that for a
/// client that has gone.
pub(super) fn half_closes(client: &mut Client<'_>) -> Result<(), Failure> {
    let case = Case::any(&mut client.rng);
    let mut wire = client.open()?;
    client.ledger.ask();
    wire.send(case.request());
    wire.finish_sending();
    match wire.answer() {
        Err(Failure::Ended) => client.ledger.note(&case.name, Came::Closed),
        answer => drop(client.judge(&case, answer)),
    }
    Ok(())
}
