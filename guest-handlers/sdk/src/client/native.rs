//! What answers the requests of unit tests, where there is no host.

use super::error::{ErrorKind, Source};
use super::timeouts::Timeouts;
use axum::body::Body;
use axum::response::Response;
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;

type Answer = Rc<dyn Fn(http::Request<Body>) -> Pin<Box<dyn Future<Output = Response>>>>;

thread_local! {
    static ANSWER: RefCell<Option<Answer>> = const { RefCell::new(None) };
}

/// Lets `answer` answer from now on, on this thread.
pub(crate) fn set(answer: impl Fn(http::Request<Body>) -> Pin<Box<dyn Future<Output = Response>>> + 'static) {
    ANSWER.set(Some(Rc::new(answer)));
}

/// # Panics
///
/// If the test has not said who answers.
#[allow(clippy::panic, reason = "a test fails by panicking")]
pub(super) async fn send(
    request: http::Request<Body>,
    _: Timeouts,
) -> Result<http::Response<Body>, (ErrorKind, Source)> {
    let answer = ANSWER.with_borrow(Clone::clone);
    match answer {
        Some(answer) => Ok(answer(request).await),
        None => panic!(
            "{} {} is asked for, and in a unit test nobody answers; say who does: testing::set_client(|request| async {{ … }})",
            request.method(),
            request.uri()
        ),
    }
}
