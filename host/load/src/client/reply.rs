//! What both versions of HTTP give for a response.

/// What came back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Over HTTP/2, of the body only.
    pub(crate) received: u64,
    /// Whether the connection can take another request.
    pub(crate) reusable: bool,
}
