//! Clients that send what is no HTTP, or far too much of it.

use super::Client;
use crate::cases::{check_error, wrong};
use crate::ledger::Came;
use crate::subject::{HEAD, ILL};
use crate::wire::Failure;

/// What follows the request line and is refused, and how.
const BAD: [(u16, &str); 9] = [
    (400, "Host: test\r\nContent-Length: +1\r\n\r\n"),
    (400, "Host: test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (400, "Host: test\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n"),
    (400, "Host: test\r\nA: b\r\n folded\r\n\r\n"),
    (400, "Host: test\r\nA : b\r\n\r\n"),
    (400, "Host: test\n\n"),
    (400, "A: b\r\n\r\n"),
    (417, "Host: test\r\nExpect: the-impossible\r\n\r\n"),
    (501, "Host: test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
];
/// No chunks.
const BAD_CHUNKS: [&str; 5] =
    ["zz\r\nhello\r\n", "5\nhello\r\n", "3\r\nhello\r\n", "-1\r\n", "FFFFFFFFFFFFFFFFF\r\n"];

/// A head that is refused.
pub(super) fn sends_a_bad_head(client: &mut Client<'_>) -> Result<(), Failure> {
    let (status, rest) = BAD[client.rng.usize(..BAD.len())];
    let ill = &ILL[client.rng.usize(..ILL.len())];
    expect(client, "a bad head", status, &format!("GET /{}/ok HTTP/1.1\r\n{rest}", ill.name))
}

/// A head that is longer than allowed, in one of three ways.
pub(super) fn sends_a_huge_head(client: &mut Client<'_>) -> Result<(), Failure> {
    let long = "a".repeat(HEAD);
    let (status, head) = match client.rng.u8(..3) {
        0 => (414, format!("GET /{long} HTTP/1.1\r\nHost: test\r\n\r\n")),
        1 => (431, format!("GET / HTTP/1.1\r\nHost: test\r\nA: {long}\r\n\r\n")),
        _ => (431, format!("GET / HTTP/1.1\r\nHost: test\r\n{}\r\n", "A: b\r\n".repeat(200))),
    };
    expect(client, "a huge head", status, &head)
}

fn expect(client: &Client<'_>, name: &str, status: u16, request: &str) -> Result<(), Failure> {
    let mut wire = client.open()?;
    client.ledger.ask();
    wire.send(request);
    match wire.answer() {
        Ok(answer) if answer.status == status && check_error(&answer).is_ok() => {
            client.ledger.note(name, Came::Status(status));
        }
        Ok(answer) => client.ledger.wrong(name, format!("{}, not {status}: {request:.80}", wrong(&answer))),
        Err(failure) => client.ledger.wrong(name, format!("{failure}: {request:.80}")),
    }
    Ok(())
}

/// A body whose framing breaks, and then a request that must not be taken for one.
pub(super) fn sends_a_bad_chunk(client: &mut Client<'_>) -> Result<(), Failure> {
    let name = "a bad chunk";
    let chunk = BAD_CHUNKS[client.rng.usize(..BAD_CHUNKS.len())];
    let mut wire = client.open()?;
    client.ledger.ask();
    wire.send("POST /reuse/slow-read HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
    wire.send(format!("2\r\nab\r\n{chunk}GET /reuse/ok HTTP/1.1\r\nHost: test\r\n\r\n"));
    // The handler may say that its body has failed, or the server that it has no answer.
    match wire.answer() {
        Ok(answer) => match answer.body.starts_with(b"failed after") || answer.status >= 500 {
            true => client.ledger.note(name, Came::Status(answer.status)),
            false => client.ledger.wrong(name, wrong(&answer)),
        },
        Err(Failure::Ended) => client.ledger.note(name, Came::Closed),
        Err(failure) => client.ledger.wrong(name, failure),
    }
    wire.closed().map_err(|failure| Failure::Broken(format!("{name}: {failure}")))
}
