//! When a connection has been waited for long enough.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::Sleep;

use super::guard::{Overdue, Watch};
use super::limits::ConnectionLimits;

/// Why a connection has ended.
pub(super) enum Ended {
    Hyper(hyper::Result<()>),
    /// The client had nothing to ask.
    Idle,
    /// The client does not take its response.
    Stuck,
}

/// One timer for the life of a connection: that it goes off means only that it is
/// time to look.
pub(super) struct Clock<'t> {
    pub(super) timer: Pin<&'t mut Sleep>,
    pub(super) limits: ConnectionLimits,
}

impl Clock<'_> {
    pub(super) fn poll<C>(
        &mut self,
        cx: &mut Context<'_>,
        mut connection: Pin<&mut C>,
        watch: &Watch,
    ) -> Poll<Ended>
    where
        C: Future<Output = hyper::Result<()>>,
    {
        loop {
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                return Poll::Ready(Ended::Hyper(ended));
            }
            if watch.nudge() {
                continue;
            }
            ready!(self.timer.as_mut().poll(cx));
            match watch.overdue(&self.limits) {
                Overdue::Not(until) => self.timer.as_mut().reset(until),
                Overdue::Idle => return Poll::Ready(Ended::Idle),
                Overdue::Write => return Poll::Ready(Ended::Stuck),
                Overdue::Head => {
                    watch.time_out();
                    // In case the guard finds nothing to refuse.
                    self.timer.as_mut().reset(tokio::time::Instant::now() + self.limits.shortest());
                }
            }
        }
    }
}
