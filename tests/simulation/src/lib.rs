//! Cores, handlers and clients by random schedules, in time that stands still while anybody
//! has work to do.
//!
//! In: a [`Schedule`]. Here: the real scheduling of `handlers/` (admission, permits, places,
//! the pool, seats, inboxes, instances, deadlines, slices, health) with the real wasmtime and
//! a real guest, on one thread and in tokio's paused time, so that minutes of waiting take
//! milliseconds. The clients speak HTTP by pipes to hyper. Out: what did not hold of
//!
//! - every call is answered once, and counted once;
//! - no permit, place or instance is lost, and no memory kept;
//! - nobody waits for longer than the limits say, and who has no instance not at all;
//! - who is slow, or leaves, or computes, changes nobody else's answer.
//!
//! Left out are sockets, the guard and dispatch, which have tests of their own, and that cores
//! are threads: here they take turns on one. CPU time is real, since slices are made of it.

mod client;
mod expected;
mod run;
mod schedule;
mod world;

pub use run::run;
pub use schedule::{Ask, Manner, Schedule, Step, Who, schedules};
