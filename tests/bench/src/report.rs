//! What came back under a load.

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Report {
    pub(crate) requests: f64,
    /// Of responses, with their heads, also of those that the end cut off.
    pub(crate) bytes: f64,
    pub(crate) seconds: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// Where calls are made at once: from the first byte sent to the last received.
    pub(crate) all_us: Option<f64>,
}
