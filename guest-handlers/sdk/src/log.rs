//! The guest's log: events of `tracing`, each one line of the host's log.
//!
//! An event crosses in one call, and the host adds what it knows: handler, route and
//! request id. In a component of the standard world, whose host may not have
//! `wasi:logging`, it is one write to stderr. The host decides what is kept, so here
//! everything is on; spans are not recorded.

use std::fmt::{self, Write as _};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Lets events go to the host from now on. Later calls change nothing, nor do they
/// where the component has set a subscriber of its own.
pub(crate) fn start() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        tracing::subscriber::set_global_default(ToHost).ok();
        #[cfg(target_family = "wasm")]
        std::panic::set_hook(Box::new(|panic| {
            // Not through a subscriber, which may be the author's own, and may panic itself.
            let message = panic.payload_as_str().unwrap_or("with what is no text");
            let place = panic.location().map(|at| format!(" at {at}")).unwrap_or_default();
            send(tracing::Level::ERROR, "panic", format!("panicked{place}: {message}"));
        }));
    });
}

struct ToHost;

impl Subscriber for ToHost {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let metadata = event.metadata();
        send(*metadata.level(), metadata.target(), line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The message of an event and its fields: `message key=value`.
#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message(format_args!("{value}")),
            name => self.field(name, format_args!("{value:?}")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message(format_args!("{value:?}")),
            name => self.field(name, format_args!("{value:?}")),
        }
    }
}

impl Line {
    /// The message goes first, wherever it stands among the fields.
    fn message(&mut self, message: fmt::Arguments<'_>) {
        if self.0.is_empty() {
            // Writing to a string cannot fail.
            self.0.write_fmt(message).ok();
        } else {
            self.0 = format!("{message} {}", self.0);
        }
    }

    fn field(&mut self, name: &str, value: fmt::Arguments<'_>) {
        let space = if self.0.is_empty() { "" } else { " " };
        write!(self.0, "{space}{name}={value}").ok();
    }
}

#[cfg(all(target_family = "wasm", not(feature = "wasi-http")))]
fn send(level: tracing::Level, target: &str, message: String) {
    use crate::service::logging::{Level, log};

    let level = match level {
        tracing::Level::TRACE => Level::Trace,
        tracing::Level::DEBUG => Level::Debug,
        tracing::Level::INFO => Level::Info,
        tracing::Level::WARN => Level::Warn,
        tracing::Level::ERROR => Level::Error,
    };
    log(level, target, &message);
}

#[cfg(not(all(target_family = "wasm", not(feature = "wasi-http"))))]
fn send(level: tracing::Level, target: &str, message: String) {
    use std::io::Write as _;

    // In one write: each is a call of the host.
    std::io::stderr().write_all(format!("{level} {target}: {message}\n").as_bytes()).ok();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// Keeps the last line.
    struct Keep(Arc<Mutex<String>>);

    impl Subscriber for Keep {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, event: &Event<'_>) {
            let mut line = Line::default();
            event.record(&mut line);
            *self.0.lock().unwrap() = line.0;
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    #[test]
    fn an_event_is_a_line() {
        let last = Arc::new(Mutex::new(String::new()));
        tracing::subscriber::with_default(Keep(last.clone()), || {
            let check = |expected: &str| assert_eq!(*last.lock().unwrap(), expected);
            let name = "a \"b\"";
            tracing::info!("hello {name}");
            check("hello a \"b\"");
            tracing::warn!(name, count = 2, error = %"broken", "it failed");
            check("it failed name=\"a \\\"b\\\"\" count=2 error=broken");
            tracing::error!(count = 2);
            check("count=2");
        });
    }
}
