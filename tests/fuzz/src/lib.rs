//! Fuzz targets: what the parsers of requests, routes and settings, and the loading of
//! components, must hold to for any input.
//!
//! A target is a file with `pub fn run(data: &[u8])`, which panics where a property
//! is broken, and a folder of `corpus/`, the inputs that reach all of its code and
//! those that once failed. Inputs are text wherever what is parsed is, so that they
//! can be read and written by hand. [`TARGETS`] lists them all.
//!
//! `cargo test -p patchboard-fuzz` runs the corpus; `cargo xtask fuzz` looks for new
//! inputs, by libFuzzer (`libfuzzer.rs`, behind a feature, since it takes C++).

pub mod component;
pub mod conditional;
pub mod config;
pub mod file_path;
mod folder;
pub mod framing;
mod loading;
pub mod path;
pub mod pattern;
pub mod range;
pub mod routes_section;
mod wasm;

/// A target's name, which is that of its folder in `corpus/`, and its `run`.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, by name.
pub const TARGETS: &[Target] = &[
    ("component", component::run),
    ("conditional", conditional::run),
    ("config", config::run),
    ("file_path", file_path::run),
    ("framing", framing::run),
    ("path", path::run),
    ("pattern", pattern::run),
    ("range", range::run),
    ("routes_section", routes_section::run),
];
