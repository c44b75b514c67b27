//! `patchboard test`: what `.http` files ask is asked of the project's components, in the engine,
//! the router and the server that would serve them, without a socket.
//!
//! In: a configuration, its components, and `.http` files. Here: everything is found right and
//! compiled once ([`crate::deploy::stage`]); each test has it anew, with nothing kept (`play`), and
//! answers of its own for what handlers ask of others (`answers`). Out: what came of each test,
//! and which routes none has asked.

mod answers;
mod check;
mod files;
mod http_file;
mod junit;
mod outcome;
mod play;
mod report;
mod routes;
mod run;
mod snapshot;

pub use self::run::{Asked, run};
