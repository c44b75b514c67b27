//! The end-to-end tests: a file a subject, all in one program, so that they are linked
//! once and run beside each other.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

mod access_log;
mod aiohttp;
mod answers;
mod benchmark_guest;
mod blast_radius;
mod blob;
mod broken_bodies;
mod closing;
mod connections;
mod demo;
mod docs;
mod drop_in;
mod framing;
mod grants;
mod guestbook;
mod guests;
mod half_closed;
mod http;
mod ill_guests;
mod inherited_sockets;
mod isolation;
mod key_value;
mod key_value_conformance;
mod languages;
mod leaving;
mod limits;
mod load;
mod namesakes;
mod one_instance;
mod outbound;
mod own_requests;
mod prepare;
mod probes;
mod proxies;
mod reload;
mod reloads;
mod routing;
mod several_hosts;
mod shutdown;
mod sql;
mod sql_conformance;
mod standard_components;
mod start;
mod static_files;
mod texts;
mod urls;
mod wire;
