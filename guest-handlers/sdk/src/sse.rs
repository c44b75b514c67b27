//! Streams of server-sent events (HTML, section 9.2) that are not taken for dead.
//!
//! [`Sse`](crate::response::Sse) and its events are axum's. axum's own keep-alive wants
//! tokio's clock, which a component does not have, so here it is an adaptor of the stream:
//!
//! ```
//! use patchboard::response::sse::{Event, Sse};
//! use patchboard::stream::{self, Stream};
//! use patchboard::{get, sse};
//! use std::convert::Infallible;
//! use std::time::Duration;
//!
//! #[get("/news")]
//! async fn news() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
//!     let news = stream::pending();       // something happens now and then
//!     Sse::new(sse::keep_alive(news, Duration::from_secs(15)))
//! }
//! ```

use crate::time;
use axum::response::sse::Event;
use futures_util::Stream;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// The events of `stream`, and a comment where there was none for so long: proxies and clients
/// end what is silent, and that a client has left is noticed by writing to it.
pub fn keep_alive<S, E>(stream: S, every: Duration) -> KeepAlive<S>
where
    S: Stream<Item = Result<Event, E>> + Unpin,
{
    KeepAlive { stream, every, silence: None }
}

/// Made by [`keep_alive`].
pub struct KeepAlive<S> {
    stream: S,
    every: Duration,
    /// Ends when it was silent for too long; none where that is not waited for yet.
    silence: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl<S> fmt::Debug for KeepAlive<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KeepAlive").field("every", &self.every).finish_non_exhaustive()
    }
}

impl<S, E> Stream for KeepAlive<S>
where
    S: Stream<Item = Result<Event, E>> + Unpin,
{
    type Item = Result<Event, E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Poll::Ready(event) = Pin::new(&mut this.stream).poll_next(cx) {
            this.silence = None;
            return Poll::Ready(event);
        }
        let every = this.every;
        let silence = this.silence.get_or_insert_with(|| Box::pin(time::sleep(every)));
        std::task::ready!(silence.as_mut().poll(cx));
        this.silence = None;
        Poll::Ready(Some(Ok(Event::default().comment(""))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::{IntoResponse as _, Sse};
    use futures_util::{StreamExt as _, stream};
    use http_body_util::BodyExt as _;
    use std::convert::Infallible;

    #[test]
    fn a_comment_stands_for_silence() {
        futures_executor::block_on(async {
            let event = |text: &'static str| Ok::<_, Infallible>(Event::default().data(text));
            let events = stream::iter([event("a"), event("b")]).chain(stream::pending());
            let events = keep_alive(events, Duration::from_millis(1)).take(4);
            let body = Sse::new(events).into_response().into_body().collect().await.unwrap().to_bytes();
            let comments = str::from_utf8(&body).unwrap().strip_prefix("data: a\n\ndata: b\n\n").unwrap();
            assert_eq!(comments.replace(' ', ""), ":\n\n:\n\n");
        });
    }
}
