//! A guest that no test uses is not worth its build.

use std::fs;
use std::path::Path;

#[test]
fn every_guest_is_used_by_a_test() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e");
    let sources: String = fs::read_dir(tests)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    for guest in patchboard_tests::test_guests_in_workspace() {
        let uses = [format!("guest(\"{guest}\")"), format!("test_guest(\"{guest}\")")];
        assert!(uses.iter().any(|call| sources.contains(call)), "no test has {}", uses[0]);
        patchboard_tests::test_guest(&guest);
    }
}
