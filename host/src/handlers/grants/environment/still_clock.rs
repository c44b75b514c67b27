//! A wall clock that stands still, so that what a guest says of the time can be foretold. What
//! waits goes by the other clock, which goes on.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wasmtime_wasi::HostWallClock;

/// It shows this long since 1970.
pub(super) struct StillClock(Duration);

impl StillClock {
    pub(super) fn at(moment: SystemTime) -> Self {
        Self(moment.duration_since(UNIX_EPOCH).unwrap_or_default())
    }
}

impl HostWallClock for StillClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        self.0
    }
}
