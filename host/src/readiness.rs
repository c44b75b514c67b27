//! Whether the server can do what it is for: what `/-/ready` says.

use std::sync::atomic::{AtomicBool, Ordering};

/// Told by who knows, asked by the probes.
#[derive(Debug, Default)]
pub struct Readiness {
    ends: AtomicBool,
    lacks: AtomicBool,
}

impl Readiness {
    /// Whether requests should come here.
    pub fn is_ready(&self) -> bool {
        !self.ends.load(Ordering::Relaxed) && !self.lacks.load(Ordering::Relaxed)
    }

    /// From now on the server is about to end.
    pub fn end(&self) {
        self.ends.store(true, Ordering::Relaxed);
    }

    /// Whether something is missing now that it serves from.
    pub fn lacks(&self, lacks: bool) {
        self.lacks.store(lacks, Ordering::Relaxed);
    }
}
