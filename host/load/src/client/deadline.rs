//! A time-out that costs next to nothing while it is not needed: one timer for all
//! requests of a worker, which is set anew only when it goes off too early.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Instant;

use tokio::time::Sleep;

#[derive(Debug)]
pub(crate) struct Deadline {
    sleep: Pin<Box<Sleep>>,
}

impl Deadline {
    pub(crate) fn new() -> Self {
        Self { sleep: Box::pin(tokio::time::sleep_until(Instant::now().into())) }
    }

    /// What the future gives, unless it takes longer. Deadlines must not come earlier
    /// than the one before.
    pub(crate) async fn limit<F: Future>(&mut self, deadline: Instant, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            while self.sleep.as_mut().poll(cx).is_ready() {
                if self.sleep.deadline() >= deadline.into() {
                    return Poll::Ready(None);
                }
                self.sleep.as_mut().reset(deadline.into());
            }
            Poll::Pending
        })
        .await
    }
}
