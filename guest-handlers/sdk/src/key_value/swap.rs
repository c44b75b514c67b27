//! The outcome of a conditional change.

/// What came of [`Bucket::compare_and_swap`](super::Bucket::compare_and_swap).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swap {
    /// The value is the new one.
    Done,
    /// The value was not the expected one, but this, or there was none.
    Found(Option<Vec<u8>>),
}
