//! Clients that go away: at every moment at which one can.

use super::Client;
use crate::cases::Case;
use crate::ledger::Came;
use crate::wire::Failure;

/// Longest stay of a client that leaves, in milliseconds.
const STAY_MS: u64 = 60;

/// Reads the head of an answer that streams, perhaps some of its body, and leaves.
pub(super) fn after_the_head(client: &mut Client<'_>) -> Result<(), Failure> {
    let case = Case::streaming(&mut client.rng);
    let mut wire = client.open()?;
    client.ledger.ask();
    wire.send(case.request());
    match wire.head() {
        // Errors are judged whole.
        Ok(mut answer) if answer.status != 200 => {
            let read = wire.body(&mut answer);
            client.judge(&case, read.map(|()| answer));
        }
        Ok(_) => {
            client.dawdle(STAY_MS);
            client.ledger.note(&case.name, Came::Left);
        }
        failed => drop(client.judge(&case, failed)),
    }
    Ok(())
}

/// Sends a request and leaves, at once or a little later.
pub(super) fn before_the_answer(client: &mut Client<'_>) -> Result<(), Failure> {
    let case = Case::any(&mut client.rng);
    let mut wire = client.open()?;
    client.ledger.ask();
    wire.send(case.request());
    if client.rng.bool() {
        client.dawdle(STAY_MS);
    }
    client.ledger.note(&case.name, Came::Left);
    Ok(())
}

/// Leaves before all of the body has been sent.
pub(super) fn in_a_body(client: &mut Client<'_>) -> Result<(), Failure> {
    let case = Case::upload(&mut client.rng);
    let mut wire = client.open()?;
    client.ledger.ask();
    wire.send(case.head());
    let sent = client.rng.usize(..case.body.len());
    wire.send(&case.body[..sent]);
    if client.rng.bool() {
        client.dawdle(STAY_MS);
    }
    if client.rng.bool() {
        wire.finish_sending();
    }
    client.ledger.note(&case.name, Came::Left);
    Ok(())
}

/// Reads a whole answer, begins another head, and leaves.
pub(super) fn between_requests(client: &mut Client<'_>) -> Result<(), Failure> {
    let case = Case::quick(&mut client.rng);
    let mut wire = client.open()?;
    client.ledger.ask();
    wire.send(case.request());
    let answer = wire.answer();
    client.judge(&case, answer);
    let next = Case::any(&mut client.rng).head();
    wire.send(&next[..client.rng.usize(..next.len())]);
    Ok(())
}
