//! What the control thread has a core and its connections do.

/// Where a core is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Serving,
    /// Connections end after the request under way.
    Draining,
    /// Everything is dropped.
    Stopped,
}
