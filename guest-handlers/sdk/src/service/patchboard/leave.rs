//! What a call does is dropped where it waits, once nobody waits for it any more.

use std::pin::{Pin, pin};
use std::task::Poll;

type Over = Pin<Box<dyn Future<Output = ()>>>;

/// What `work` comes to; none where it was dropped, since the call is over.
///
/// The host is asked when `work` waits for the first time: most calls never do, and pay
/// nothing.
pub(crate) async fn unless_over<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut asked: Option<Over> = None;
    std::future::poll_fn(|context| {
        if let Poll::Ready(output) = work.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        asked.get_or_insert_with(over).as_mut().poll(context).map(|()| None)
    })
    .await
}

#[cfg(target_family = "wasm")]
fn over() -> Over {
    Box::pin(async {
        super::bindings::patchboard::handler::call::over().await;
    })
}

/// In unit tests somebody always waits.
#[cfg(not(target_family = "wasm"))]
fn over() -> Over {
    Box::pin(std::future::pending())
}
