//! Clients that take their time. What they sleep is how slow they are.

use std::thread;
use std::time::{Duration, Instant};

use super::Client;
use crate::cases::{Case, check_error};
use crate::ledger::Came;
use crate::wire::Failure;

/// How long a client reads byte by byte: `/endless` has a mebibyte.
const READING: Duration = Duration::from_secs(1);

/// Reads an answer byte by byte; one that is long, not to its end.
pub(super) fn reads_byte_by_byte(client: &mut Client<'_>) -> Result<(), Failure> {
    let case = Case::streaming(&mut client.rng);
    let mut wire = client.open()?.in_pieces_of(1);
    client.ledger.ask();
    wire.send(case.request());
    let head = wire.head();
    let mut answer = match head {
        Ok(answer) => answer,
        failed => {
            client.judge(&case, failed);
            return Ok(());
        }
    };
    let start = Instant::now();
    let long = case.path.ends_with("/endless") && answer.status == 200;
    while long && start.elapsed() < READING {
        if !wire.skim()? {
            break;
        }
    }
    if long {
        client.ledger.note(&case.name, Came::Left);
    } else {
        let read = wire.body(&mut answer);
        client.judge(&case, read.map(|()| answer));
    }
    Ok(())
}

/// Asks for what never ends, reads nothing of it, and at last leaves, or looks what came.
pub(super) fn never_reads(client: &mut Client<'_>) -> Result<(), Failure> {
    let case = Case::endless(&mut client.rng);
    let mut wire = client.open()?;
    client.ledger.ask();
    wire.send(case.request());
    client.dawdle(2000);
    if client.rng.bool() {
        client.ledger.note(&case.name, Came::Left);
    } else {
        let answer = wire.answer();
        client.judge(&case, answer);
    }
    Ok(())
}

/// Sends a request byte by byte, in time.
pub(super) fn sends_byte_by_byte(client: &mut Client<'_>) -> Result<(), Failure> {
    let case = Case::quick(&mut client.rng);
    let mut wire = client.open()?;
    client.ledger.ask();
    let pause = Duration::from_millis(client.rng.u64(..5));
    for byte in case.head().as_bytes() {
        wire.send([*byte]);
        thread::sleep(pause);
    }
    wire.send(&case.body);
    let answer = wire.answer();
    client.judge(&case, answer);
    Ok(())
}

/// Sends a head for longer than `head_timeout`: 408, and the end.
pub(super) fn takes_too_long_for_a_head(client: &mut Client<'_>) -> Result<(), Failure> {
    let name = "a slow head";
    let mut wire = client.open()?;
    client.ledger.ask();
    wire.send("GET / HTTP/1.1\r\nHost: test\r\nSlow: ");
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(2500) && wire.send("x") {
        thread::sleep(Duration::from_millis(50));
    }
    match wire.answer() {
        Ok(answer) => match check_error(&answer) {
            Ok(()) if answer.status == 408 => client.ledger.note(name, Came::Status(408)),
            _ => client.ledger.wrong(name, format!("{answer:?}")),
        },
        // It went on sending, and so may have lost the answer.
        Err(Failure::Ended) => client.ledger.note(name, Came::Closed),
        Err(failure) => client.ledger.wrong(name, failure),
    }
    Ok(())
}

/// Connects and says nothing: the connection is closed, without a word.
pub(super) fn says_nothing(client: &mut Client<'_>) -> Result<(), Failure> {
    let mut wire = client.open()?;
    if client.rng.bool() {
        wire.send("\r\n");
    }
    wire.closed()
}
