//! The clients: each takes a turn in one of many manners, most of them bad.

mod client;
mod crowd;
mod leaving;
mod malformed;
mod patient;
mod slow;

pub(crate) use self::client::{Client, Manner};

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
