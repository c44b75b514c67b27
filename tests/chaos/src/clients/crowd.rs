//! Many clients at once: more than a handler takes, and than may wait for it.

use super::Client;
use crate::cases::Case;
use crate::ledger::Came;
use crate::subject::CALLS;
use crate::wire::Failure;

/// Opens more connections than have a place, asks the same on each, and stays on some.
pub(super) fn comes_in_numbers(client: &mut Client<'_>) -> Result<(), Failure> {
    let case = Case::any(&mut client.rng);
    let mut wires = Vec::new();
    for _ in 0..3 * CALLS {
        let mut wire = client.open()?;
        client.ledger.ask();
        wire.send(case.request());
        wires.push(wire);
    }
    for mut wire in wires {
        if client.rng.bool() {
            client.ledger.note(&case.name, Came::Left);
            continue;
        }
        let answer = wire.answer();
        client.judge(&case, answer);
    }
    Ok(())
}
