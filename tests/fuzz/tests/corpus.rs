//! Every committed input passes its target, and every target has inputs.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use patchboard_fuzz::TARGETS;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn list(folder: &Path) -> BTreeSet<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn every_input_passes_its_target() {
    let mut failed = Vec::new();
    for (name, run) in TARGETS {
        for input in list(&corpus().join(name)) {
            let data = fs::read(&input).unwrap();
            if catch_unwind(|| run(&data)).is_err() {
                failed.push(input);
            }
        }
    }
    assert!(failed.is_empty(), "these inputs failed, as said above: {failed:#?}");
}

#[test]
fn every_target_has_a_folder_with_inputs_and_no_folder_is_left_over() {
    let folders = list(&corpus());
    let expected = TARGETS.iter().map(|(name, _)| corpus().join(name)).collect();
    assert_eq!(folders, expected);
    assert!(folders.iter().all(|folder| !list(folder).is_empty()));
}
