//! Streams of events have no end, so a drain would wait for them in vain. Their clients
//! connect again by themselves when they end (HTML, section 9.2.3): so they end soon after it began.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use tokio::sync::watch;

use super::phase::Phase;

/// The body of a response, and what ends it if it is a stream of events.
pub(super) struct Ending<B> {
    /// None when it was ended.
    body: Option<B>,
    end: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl<B> Ending<B> {
    /// The `body` of a response with these `headers`, which ends so long after the drain
    /// began, if it is a stream of events.
    pub(super) fn new(
        body: B,
        headers: &HeaderMap,
        phases: &watch::Receiver<Phase>,
        after: Duration,
    ) -> Self {
        let is_events = headers.get(CONTENT_TYPE).is_some_and(is_events);
        let end = is_events.then(|| {
            let mut phases = phases.clone();
            let end = async move {
                phases.wait_for(|phase| *phase != Phase::Serving).await.ok();
                tokio::time::sleep(after).await;
            };
            Box::pin(end) as Pin<Box<dyn Future<Output = ()>>>
        });
        Self { body: Some(body), end }
    }

    /// The body, unless it was ended.
    pub(super) fn body_mut(&mut self) -> Option<&mut B> {
        self.body.as_mut()
    }
}

fn is_events(media_type: &HeaderValue) -> bool {
    const EVENTS: &[u8] = b"text/event-stream";
    let bytes = media_type.as_bytes();
    bytes.get(..EVENTS.len()).is_some_and(|start| start.eq_ignore_ascii_case(EVENTS))
        && bytes.get(EVENTS.len()).is_none_or(|next| matches!(next, b';' | b' ' | b'\t'))
}

impl<B: Body + Unpin> Body for Ending<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        if self.end.as_mut().is_some_and(|end| end.as_mut().poll(cx).is_ready()) {
            // Whoever makes it is told that nobody takes it any more.
            (self.body, self.end) = (None, None);
        }
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_events_are_known_by_their_media_type() {
        for (media_type, expected) in [
            ("text/event-stream", true),
            ("Text/Event-Stream; charset=utf-8", true),
            ("text/event-stream;x", true),
            ("text/event-streams", false),
            ("text/plain", false),
            ("", false),
        ] {
            assert_eq!(is_events(&HeaderValue::from_static(media_type)), expected, "{media_type}");
        }
    }
}
