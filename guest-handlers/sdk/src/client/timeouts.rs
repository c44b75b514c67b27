//! How long the host may wait for another server.

use std::time::Duration;

/// How long the host may wait; none is its own limit, 60 s.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Timeouts {
    pub(super) connect: Option<Duration>,
    pub(super) read: Option<Duration>,
}
