//! What is looked at when the load has ended: that nothing was lost, and nothing kept.

use std::fs;
use std::thread;

use anyhow::Result;
use patchboard_tests::Server;

use crate::process::Holdings;
use crate::subject::{self, CALLS, FILLER, ILL, INSTANCES, Ill, STAY_MS};
use crate::wire::{Failure, Wire};

/// How long the pool is filled: longer than all its instances take to start.
const FILL_MS: u32 = 2000;
/// So often all calls at once are tried, since a busy machine may start one late.
const TRIES: u32 = 5;

/// What is held at rest `after` the load, against what was held `before`: memory may be a
/// tenth more, and `more_bytes`.
pub(crate) fn compare(before: Holdings, after: Holdings, more_bytes: u64) -> Vec<String> {
    let most = before.resident_bytes + before.resident_bytes / 10 + more_bytes;
    let grown = [
        (after.resident_bytes > most, "memory is not given back"),
        (after.descriptors > before.descriptors, "file descriptors are lost"),
        (after.threads > before.threads, "threads have become more"),
    ];
    let told = |(_, what): &(bool, &str)| format!("{what}: before {before}, after {after}");
    grown.iter().filter(|(is_grown, _)| *is_grown).map(told).collect()
}

/// Each ill handler can still run as many calls at once as its limit says: none of them
/// waits for a place longer than `queue_timeout`.
pub(crate) fn permits(server: &Server) -> Vec<String> {
    let check = |ill: &Ill| {
        let path = match ill.guest {
            "ill" => format!("/{}/sleep?ms={STAY_MS}", ill.name),
            // Half a second.
            "p2-hello" | "p3-hello" => format!("/{}/stream", ill.name),
            // Nothing in it waits.
            _ => return None,
        };
        let found = tried(|| at_once(server, &path, CALLS))?;
        Some(format!("{} cannot run {CALLS} calls at once any more: {found}", ill.name))
    };
    thread::scope(|scope| {
        let checks: Vec<_> = ILL.iter().map(|ill| scope.spawn(move || check(ill))).collect();
        let told = |joined: thread::Result<_>| joined.unwrap_or_else(|_| Some("a check panicked".to_owned()));
        checks.into_iter().filter_map(|check| told(check.join())).collect()
    })
}

/// The pool has room for as many instances as it was made for.
pub(crate) fn instances(server: &Server) -> Option<String> {
    let found = tried(|| at_once(server, &format!("/{FILLER}?ms={FILL_MS}"), INSTANCES))?;
    Some(format!("the pool has no room for its {INSTANCES} instances: {found}"))
}

/// Replaces every handler by another that does the same, which ends all instances.
pub(crate) fn replace_all(server: &Server) -> Result<()> {
    let loaded = server.log.count("loaded handler=");
    for (name, component) in subject::components() {
        let mut bytes = fs::read(component)?;
        // An empty custom section, named `chaos`.
        bytes.extend(b"\0\x06\x05chaos");
        server.put(&format!("handlers/{name}.wasm"), bytes);
    }
    server.log.wait_for_count("loaded handler=", loaded + subject::components().count());
    Ok(())
}

/// What went wrong at the last of several tries; none where one went well.
fn tried(attempt: impl Fn() -> Result<(), String>) -> Option<String> {
    let mut last = None;
    for _ in 0..TRIES {
        match attempt() {
            Ok(()) => return None,
            Err(found) => last = Some(found),
        }
    }
    last
}

/// Makes `count` calls at once, all of which must succeed.
fn at_once(server: &Server, path: &str, count: usize) -> Result<(), String> {
    let ask = || {
        let mut wire = Wire::open(server.address())?;
        wire.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        Ok(wire)
    };
    let wires: Vec<Result<Wire, Failure>> = (0..count).map(|_| ask()).collect();
    let mut failed = Vec::new();
    for wire in wires {
        match wire.and_then(|mut wire| wire.answer()) {
            Ok(answer) if answer.status == 200 && answer.is_whole => {}
            Ok(answer) => failed.push(answer.status.to_string()),
            Err(failure) => failed.push(failure.to_string()),
        }
    }
    match failed.first() {
        None => Ok(()),
        Some(first) => Err(format!("{} of {count} fail, one with {first}", failed.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_grown_is_named() {
        let before = Holdings { resident_bytes: 100 << 20, descriptors: 20, threads: 8 };
        let check = |after: Holdings, expected: &[&str]| {
            let found = compare(before, after, 7 << 20);
            assert_eq!(found.len(), expected.len(), "{found:?}");
            assert!(found.iter().zip(expected).all(|(found, part)| found.contains(part)), "{found:?}");
        };
        check(before, &[]);
        check(Holdings { resident_bytes: 116 << 20, ..before }, &[]);
        check(Holdings { resident_bytes: 118 << 20, ..before }, &["memory"]);
        check(Holdings { descriptors: 21, threads: 9, ..before }, &["descriptors", "threads"]);
    }
}
