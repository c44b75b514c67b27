//! What the compiler tells an author who made a mistake, and that it points to it.
//!
//! `TRYBUILD=overwrite cargo test -p patchboard --test compile_errors` writes
//! the expected output anew, as a new rustc or axum may word it otherwise.

#[test]
fn compile_errors() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
