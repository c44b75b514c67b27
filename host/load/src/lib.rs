//! `patchboard load`: puts a server under load, and says what came of it.
//!
//! `options` is what was written on the command line, `plan` what is run, checked.
//! `run` sends requests from its threads' workers, in a closed loop, in an open loop or
//! in rounds, through `client`; `measure` counts; `report` shows it. `staircase` and `compare` are made
//! of several runs.

mod client;
mod command;
mod compare;
mod failure;
mod measure;
mod options;
mod origin;
mod plan;
mod report;
mod request;
mod run;
mod staircase;

pub use self::options::Load;
