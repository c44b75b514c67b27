//! The last lines of the log, for who shows those of one request.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Lines that are kept, and bytes of them together.
const MOST_LINES: usize = 2000;
/// See [`MOST_LINES`].
const MOST_BYTES: usize = 1 << 20;

/// The last lines, of whatever is logged.
#[derive(Debug, Clone, Default)]
pub struct Recent(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    lines: VecDeque<RecentLine>,
    bytes: usize,
    /// How many there were before the first.
    gone: u64,
}

/// A line.
#[derive(Debug, Clone)]
pub struct RecentLine {
    /// Its level.
    pub level: Level,
    /// What it says.
    pub text: String,
    request_id: Option<String>,
    /// Whether a handler has said it, of which it is not known in which request.
    is_anybodys: bool,
}

impl RecentLine {
    /// Whether it is of the request, as far as that is known.
    pub fn is_of(&self, request_id: &str) -> bool {
        self.is_anybodys || self.request_id.as_deref() == Some(request_id)
    }
}

impl Recent {
    /// How many lines there were so far.
    pub fn count(&self) -> u64 {
        let lines = self.lines();
        lines.gone + lines.lines.len() as u64
    }

    /// Those that came after there were so many, as far as they are kept.
    pub fn since(&self, count: u64) -> Vec<RecentLine> {
        let lines = self.lines();
        let skipped = usize::try_from(count.saturating_sub(lines.gone)).unwrap_or(usize::MAX);
        lines.lines.iter().skip(skipped).cloned().collect()
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn add(&mut self, line: RecentLine) {
        self.bytes += line.text.len();
        self.lines.push_back(line);
        while self.lines.len() > MOST_LINES || self.bytes > MOST_BYTES {
            let Some(first) = self.lines.pop_front() else { return };
            self.bytes -= first.text.len();
            self.gone += 1;
        }
    }
}

impl<S: Subscriber> Layer<S> for Recent {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Fields { text, request_id, is_stream } = fields;
        let is_anybodys = is_stream && request_id.is_none();
        self.lines().add(RecentLine { level: *event.metadata().level(), text, request_id, is_anybodys });
    }
}

/// What is kept of an event.
#[derive(Default)]
struct Fields {
    text: String,
    request_id: Option<String>,
    is_stream: bool,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.text),
            "request_id" => self.request_id = Some(value.to_owned()),
            "stream" => self.is_stream = true,
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if matches!(field.name(), "message" | "request_id") {
            self.record_str(field, &format!("{value:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn the_lines_of_a_request_are_found_and_all_are_bounded() {
        let recent = Recent::default();
        let log = tracing_subscriber::registry().with(recent.clone());
        tracing::subscriber::with_default(log, || {
            tracing::info!(request_id = "a", "before");
            let count = recent.count();
            tracing::info!(request_id = "a", "one");
            tracing::info!(request_id = %"b", "two");
            tracing::warn!(handler = "h", stream = "stderr", "three");
            tracing::info!("four");
            let lines = recent.since(count);
            let of: Vec<_> = lines.iter().filter(|line| line.is_of("a")).map(|line| &*line.text).collect();
            assert_eq!(of, ["one", "three"]);
            let long = "x".repeat(100_000);
            (0..100).for_each(|_| tracing::info!("{long}"));
            let kept = recent.since(0);
            assert_eq!((kept.len(), recent.count()), (MOST_BYTES / 100_000, 105));
            assert!(recent.since(recent.count() + 5).is_empty());
        });
    }
}
