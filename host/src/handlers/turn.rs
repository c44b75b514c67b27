//! A turn of everybody else's, between two of the one who asks.

use std::future::poll_fn;
use std::task::Poll;

/// Lets everybody else who is ready run once. Unlike tokio's `yield_now`, this does not
/// look for I/O in between.
pub(super) async fn turn() {
    let mut waited = false;
    poll_fn(|cx| match std::mem::replace(&mut waited, true) {
        true => Poll::Ready(()),
        false => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}
