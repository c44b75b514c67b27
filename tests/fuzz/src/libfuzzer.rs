//! libFuzzer's program, for all targets: the variable `PATCHBOARD_FUZZ_TARGET` names
//! the one to run. `cargo xtask fuzz` builds it, with coverage, and starts it.

#![no_main]

use std::env;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use patchboard_fuzz::TARGETS;

static RUN: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = env::var("PATCHBOARD_FUZZ_TARGET").unwrap_or_default();
    match TARGETS.iter().find(|(target, _)| *target == name) {
        Some((_, run)) => *run,
        None => panic!("PATCHBOARD_FUZZ_TARGET names no target: {name:?}"),
    }
});

fuzz_target!(|data: &[u8]| RUN(data));
