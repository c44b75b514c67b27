//! What the compiler tells an author who made a mistake: that it lies at the line
//! of the mistake, and says it once.

#[test]
fn compile_errors() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
