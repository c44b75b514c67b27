//! The routes of this component: the table that the attributes fill.
//!
//! It is made by constructors that run when the component is instantiated
//! (`inventory`), so that no author has to list functions a second time. A
//! component's `_initialize` runs them on wasm32-wasip2.

use crate::wants::Wants;
use axum::extract::Request;
use axum::response::Response;
use http::Method;
use std::pin::Pin;

/// A handler under way. Not `Send`: a component has one thread.
pub type HandlerFuture = Pin<Box<dyn Future<Output = Response>>>;

/// One route, as its attribute states it.
#[derive(Debug)]
pub struct RouteEntry {
    /// What the component's `patchboard:routes` section calls it, and the host with each
    /// request.
    pub id: u64,
    /// The method, in its own case; `*` for every one.
    pub method: &'static str,
    /// The pattern, of the attributes' grammar.
    pub pattern: &'static str,
    /// The name, unique within the component.
    pub name: &'static str,
    /// What its arguments want.
    pub wants: fn() -> Wants,
    /// Runs the extractors, the handler, and the conversion of its answer.
    pub call: fn(Request) -> HandlerFuture,
}

inventory::collect!(RouteEntry);

impl RouteEntry {
    /// HEAD follows GET, as it does at the host; `*` is every method.
    pub(crate) fn serves(&self, method: &Method) -> bool {
        matches!(self.method, "*")
            || self.method == method.as_str()
            || (*method == Method::HEAD && self.method == "GET")
    }
}

/// All routes of this component.
pub(crate) fn routes() -> impl Iterator<Item = &'static RouteEntry> + Clone {
    inventory::iter::<RouteEntry>.into_iter()
}

/// The id of the route of a function: FNV-1a of what tells it from every other.
pub const fn route_id(parts: &[&str], line: u32, column: u32) -> u64 {
    let mut hash = OFFSET;
    let mut part = 0;
    while part < parts.len() {
        hash = mix(hash, parts[part].as_bytes());
        // No text has it, so that no two lists of parts come to the same bytes.
        hash = mix(hash, &[0xff]);
        part += 1;
    }
    mix(mix(hash, &line.to_le_bytes()), &column.to_le_bytes())
}

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

const fn mix(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(PRIME);
        at += 1;
    }
    hash
}

/// The length of a route's line in the section.
pub const fn record_len(before: &str, id: u64, after: &str) -> usize {
    before.len() + digits(id) + after.len()
}

const fn digits(id: u64) -> usize {
    match id.checked_ilog10() {
        Some(log) => log as usize + 1,
        None => 1,
    }
}

/// A route's line in the section, made while compiling: only then the id is known.
pub const fn record<const LENGTH: usize>(before: &str, mut id: u64, after: &str) -> [u8; LENGTH] {
    let mut line = [0; LENGTH];
    let (before, after) = (before.as_bytes(), after.as_bytes());
    let mut at = 0;
    while at < before.len() {
        line[at] = before[at];
        at += 1;
    }
    let end = LENGTH - after.len();
    let mut digit = end;
    while digit > at {
        digit -= 1;
        line[digit] = b'0' + (id % 10) as u8;
        id /= 10;
    }
    at = 0;
    while at < after.len() {
        line[end + at] = after[at];
        at += 1;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_what_the_grammar_writes() {
        use patchboard_pattern::Record;

        const BEFORE: &str = "{\"v\":2,\"method\":\"GET\",\"pattern\":\"/\",\"name\":\"a\",\"id\":";
        assert_eq!(Record::before_id("GET", "/", "a"), BEFORE);
        const LINES: [&[u8]; 3] = [
            &record::<{ record_len(BEFORE, 0, Record::AFTER_ID) }>(BEFORE, 0, Record::AFTER_ID),
            &record::<{ record_len(BEFORE, 70, Record::AFTER_ID) }>(BEFORE, 70, Record::AFTER_ID),
            &record::<{ record_len(BEFORE, u64::MAX, Record::AFTER_ID) }>(BEFORE, u64::MAX, Record::AFTER_ID),
        ];
        for (line, id) in LINES.into_iter().zip([0, 70, u64::MAX]) {
            let [method, pattern, name] = ["GET", "/", "a"].map(str::to_owned);
            let record = Record { v: Record::VERSION, method, pattern, name, id };
            assert_eq!(std::str::from_utf8(line), Ok(&*record.line()));
        }
    }

    #[test]
    fn what_differs_has_another_id() {
        let ids = [
            route_id(&["a", "b"], 1, 1),
            route_id(&["ab", ""], 1, 1),
            route_id(&["a", "b"], 2, 1),
            route_id(&["a", "b"], 1, 2),
            route_id(&["a", "c"], 1, 1),
        ];
        assert!(ids.iter().enumerate().all(|(at, id)| !ids[..at].contains(id)), "{ids:?}");
    }
}
