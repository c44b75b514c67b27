//! Server-sent events: `GET @base@/events` counts the seconds, `GET @root@` is a page that shows them.

use patchboard::future::{Either, select};
use patchboard::response::Html;
use patchboard::response::sse::{Event, Sse};
use patchboard::stream::{self, Stream};
use patchboard::{draining, get, time};
use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

const PERIOD: Duration = Duration::from_secs(1);

#[get("@root@")]
async fn page() -> Html<&'static str> {
    Html(include_str!("page.html"))
}

#[get("@base@/events")]
async fn events() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(stream::unfold(0, |count| async move {
        if count > 0 {
            // Who is sent nothing more comes back, to the server or version that serves then.
            let (pause, end) = (pin!(time::sleep(PERIOD)), pin!(draining()));
            if let Either::Right(_) = select(pause, end).await {
                return None;
            }
        }
        Some((Ok(event(count)), count + 1))
    }))
}

fn event(count: u64) -> Event {
    Event::default()
        .id(count.to_string())
        .data(format!("{count} s"))
}

#[cfg(test)]
mod tests {
    use futures_executor::block_on;
    use patchboard::{Body, http::Request, testing};

    #[test]
    fn the_page_listens_to_the_events() {
        let request = Request::get("@root@").body(Body::empty()).unwrap();
        let page = block_on(async { testing::text(testing::call(request).await).await });
        assert!(
            page.contains("new EventSource(\"@base@/events\")"),
            "{page}"
        );
    }

    #[test]
    fn events_are_events() {
        let request = Request::get("@base@/events").body(Body::empty()).unwrap();
        let response = block_on(testing::call(request));
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
    }
}
