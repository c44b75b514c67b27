//! Whether anybody still waits for something, and why not any more.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use tokio::sync::Notify;

/// Why nobody waits any more; `reason` of `patchboard:handler/call-types`, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// The client has closed its connection, or stopped reading.
    ClientLeft,
    /// Its time is over.
    TimedOut,
    /// The server ends.
    ShuttingDown,
    /// There is nothing to wait for: it is done.
    Done,
}

/// Told once that something is over, to all who wait for that.
#[derive(Debug, Default)]
pub(super) struct Over {
    /// One more than the reason; 0 as long as there is none.
    reason: AtomicU8,
    /// Whether anybody has waited: nearly all calls end without.
    is_awaited: AtomicBool,
    waiting: Notify,
}

impl Over {
    /// The first who tells says why.
    pub(super) fn tell(&self, reason: Reason) {
        let code = match reason {
            Reason::ClientLeft => 1,
            Reason::TimedOut => 2,
            Reason::ShuttingDown => 3,
            Reason::Done => 4,
        };
        // Whoever waits has said so before he looks at the reason, in this order for all.
        if self.reason.compare_exchange(0, code, Ordering::SeqCst, Ordering::Relaxed).is_ok()
            && self.is_awaited.load(Ordering::SeqCst)
        {
            self.waiting.notify_waiters();
        }
    }

    /// Why it is over, if it is.
    pub(super) fn reason(&self) -> Option<Reason> {
        Some(match self.reason.load(Ordering::SeqCst) {
            0 => return None,
            1 => Reason::ClientLeft,
            2 => Reason::TimedOut,
            3 => Reason::ShuttingDown,
            _ => Reason::Done,
        })
    }

    /// Waits until it is over.
    pub(super) async fn told(&self) -> Reason {
        self.is_awaited.store(true, Ordering::SeqCst);
        loop {
            let told = self.waiting.notified();
            if let Some(reason) = self.reason() {
                return reason;
            }
            told.await;
        }
    }

    /// Waits until it is over before it was done.
    pub(super) async fn given_up(&self) {
        if self.told().await == Reason::Done {
            std::future::pending().await
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn the_first_says_why() {
        let over = Over::default();
        assert!(over.told().now_or_never().is_none());
        over.tell(Reason::TimedOut);
        over.tell(Reason::ClientLeft);
        assert_eq!(over.told().await, Reason::TimedOut);
        over.given_up().await;
    }

    #[tokio::test]
    async fn what_is_done_was_not_given_up() {
        let over = Over::default();
        over.tell(Reason::Done);
        over.tell(Reason::ClientLeft);
        assert_eq!(over.told().await, Reason::Done);
        assert!(over.given_up().now_or_never().is_none());
    }
}
