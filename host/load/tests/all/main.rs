//! The load client against a scripted server, a file a subject.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

mod counts;
mod failures;
mod output;
mod protocols;
mod scripted;
mod times;
