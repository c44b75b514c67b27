//! `GET /clock` sends the time, once a second, as server-sent events, for as long
//! as somebody listens.

use patchboard::response::sse::{Event, Sse};
use patchboard::stream::{self, Stream};
use patchboard::{get, time};
use std::convert::Infallible;
use std::time::{Duration, SystemTime};

#[get("/clock")]
async fn clock() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let seconds = time::interval(Duration::from_secs(1));
    Sse::new(stream::unfold(seconds, |mut seconds| async move {
        seconds.tick().await;
        let now = humantime::format_rfc3339_seconds(SystemTime::now());
        Some((Ok(Event::default().data(now.to_string())), seconds))
    }))
}
