//! Whether a step may wait. All steps that look at the file system are told.

/// Whether a step may wait.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Access {
    /// Only what the kernel has in memory; else the step would block.
    Cached,
    /// On a thread that may wait.
    Blocking,
}
