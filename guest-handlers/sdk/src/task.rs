//! What a call goes on to do when its response is complete.

#[cfg(all(target_family = "wasm", not(feature = "wasi-http")))]
#[path = "task/component.rs"]
mod backend;
#[cfg(not(all(target_family = "wasm", not(feature = "wasi-http"))))]
#[path = "task/local.rs"]
mod backend;

mod error;

#[cfg(not(target_family = "wasm"))]
pub(crate) use backend::finish;
pub use error::SpawnError;

use std::fmt;

/// Goes on with `future` when the response is complete, without anybody waiting for it.
///
/// ```
/// use patchboard::{client, post, spawn};
///
/// #[post("/orders")]
/// async fn order() -> &'static str {
///     spawn("tell the shop", async {
///         client::post("https://shop.example/orders").send().await?.error_for_status()?;
///         Ok::<_, client::Error>(())
///     })
///     .ok();
///     "Thank you"
/// }
/// ```
///
/// Its log lines have the request's id; where it comes to an error, that is logged with
/// `name`. The server waits for it before it ends, or replaces the handler, for
/// `limits.after_timeout` from the end of the response at most; then it is dropped where it
/// waits. A panic in it ends the instance, as in a call.
///
/// On a host of `wasi:http` it goes on for as long as that host lets it; in a unit test
/// [`testing::call`](crate::testing::call) waits for it.
///
/// # Errors
///
/// If `limits.after_tasks` are under way; nothing of `future` is done then.
pub fn spawn<F>(name: &str, future: F) -> Result<(), SpawnError>
where
    F: Future<Output: Outcome> + 'static,
{
    backend::spawn(name, async move { future.await.failure() })
}

/// Waits until this instance is not to take further calls: the server drains, or another
/// version of the handler has come. What has no end of its own, such as a stream of events,
/// should come to one, so that its client comes back to who serves then.
///
/// Where the host does not tell, as in a unit test, it waits for ever.
pub async fn draining() {
    backend::draining().await;
}

/// What a task comes to: nothing, or a failure that is logged.
pub trait Outcome {
    /// The failure as text.
    fn failure(self) -> Result<(), String>;
}

impl Outcome for () {
    fn failure(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: fmt::Display> Outcome for Result<(), E> {
    fn failure(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Body, get, http, testing};
    use std::cell::Cell;

    thread_local! {
        static DONE: Cell<u32> = const { Cell::new(0) };
    }

    #[get("/spawns")]
    async fn spawns() -> &'static str {
        let one = async {
            DONE.set(DONE.get() + 1);
            Err::<(), _>("it is only a test")
        };
        spawn("one", one).unwrap();
        spawn("two", async { DONE.set(DONE.get() + 10) }).unwrap();
        "here"
    }

    #[test]
    fn a_unit_test_waits_for_tasks() {
        let request = http::Request::get("/spawns").body(Body::empty()).unwrap();
        let response = futures_executor::block_on(testing::call(request));
        assert_eq!((response.status().as_u16(), DONE.get()), (200, 11));
    }
}
