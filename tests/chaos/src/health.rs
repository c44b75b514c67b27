//! The clients of the healthy handlers, who must not notice anything of all this: every
//! request is answered, and with what it asked for.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::cases::wrong;
use crate::ledger::{Came, Ledger};
use crate::subject::HEALTHY;
use crate::wire::{Answer, Failure, Wire};

/// After so long without a request, the server may close the connection.
const IDLE: Duration = Duration::from_secs(1);

/// A client that asks one healthy handler, on one connection, for as long as it may.
pub(crate) struct Visitor {
    pub(crate) handler: &'static str,
    address: SocketAddr,
    rng: Rng,
    wire: Option<Wire>,
    used: Instant,
}

/// All healthy handlers.
pub(crate) fn handlers() -> impl Iterator<Item = &'static str> {
    ["hello"].into_iter().chain(HEALTHY.map(|(name, _)| name))
}

impl Visitor {
    pub(crate) fn new(handler: &'static str, address: SocketAddr, rng: Rng) -> Self {
        Self { handler, address, rng, wire: None, used: Instant::now() }
    }

    /// Asks once.
    pub(crate) fn visit(&mut self, ledger: &Ledger) {
        ledger.ask();
        let (request, expected) = self.request();
        if self.used.elapsed() > IDLE {
            self.wire = None;
        }
        let (before, asked) = (self.used, Instant::now());
        let answer = self.ask(&request);
        self.used = Instant::now();
        match answer {
            Ok(answer) if is_right(&answer, &expected) => ledger.note(self.handler, Came::Status(200)),
            Ok(answer) => ledger.wrong(self.handler, format!("healthy, but {}", wrong(&answer))),
            Err(failure) => {
                self.wire = None;
                let head = String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned();
                let (paused, waited) = (asked - before, asked.elapsed());
                let when = format!("{waited:?} after {head}, {paused:?} after the one before");
                ledger.wrong(self.handler, format!("healthy, but {failure}, {when}"));
            }
        }
    }

    fn ask(&mut self, request: &[u8]) -> Result<Answer, Failure> {
        let wire = match &mut self.wire {
            Some(wire) => wire,
            none => none.insert(Wire::open(self.address)?),
        };
        wire.send(request);
        wire.answer()
    }

    /// A request, and the body of the answer, where `{id}` stands for the request id.
    fn request(&mut self) -> (Vec<u8>, Vec<u8>) {
        let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").into_bytes();
        if self.handler == "hello" {
            return (get("/"), b"Hello, world".to_vec());
        }
        if self.rng.u8(..4) == 0 {
            let body: Vec<u8> = (0..self.rng.usize(1..20_000)).map(|_| self.rng.u8(..)).collect();
            let (handler, length) = (self.handler, body.len());
            let head =
                format!("POST /{handler}/echo HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n");
            return ([head.into_bytes(), body.clone()].concat(), body);
        }
        // So that no answer is right for another request.
        let path = format!("/{}/{}", self.handler, self.rng.u64(..));
        let text = match self.handler {
            "well-p3" => format!("hello from 0.3: GET http://test{path} {{id}}"),
            _ => format!("hello from 0.2: Method::Get test {path} {{id}}"),
        };
        (get(&path), text.into_bytes())
    }
}

fn is_right(answer: &Answer, expected: &[u8]) -> bool {
    let expected = match expected.strip_suffix(b"{id}") {
        Some(start) => [start, answer.field("x-request-id").as_bytes()].concat(),
        None => expected.to_vec(),
    };
    answer.status == 200 && answer.is_whole && answer.body == expected
}
