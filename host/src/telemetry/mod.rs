//! Logs: operational lines on standard error, and the access log, one line a request.

mod access_log;
mod filter;
mod kept;
mod recent;
mod writer;

use std::fmt::{self, Debug};
use std::io::IsTerminal as _;

use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::format::{Writer as Line, debug_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

pub use access_log::{AccessLog, AccessRecord};
pub use filter::parse_filter;
pub use kept::Kept;
pub use recent::{Recent, RecentLine};
pub use writer::{Destination, Writer};

use crate::printable::printable;

/// Writes a field of a line. Whatever was in it, it stays one line.
fn write(line: &mut Line<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    let text = match field.name() {
        "message" => format!("{value:?}"),
        name => format!("{name}={value:?}"),
    };
    line.write_str(&printable(&text))
}

/// Starts the operational log at `filter`, for example `info` or `debug`; at `info` where that
/// is none, which the configuration's problems say.
pub fn start(filter: &str) {
    let filter = parse_filter(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .fmt_fields(debug_fn(write).delimited(" "))
        .init();
}

/// Likewise, and keeps the last lines, which are given.
pub fn start_keeping(filter: &str) -> Recent {
    let filter = parse_filter(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let recent = Recent::default();
    let written = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .fmt_fields(debug_fn(write).delimited(" "));
    tracing_subscriber::registry().with(filter).with(written).with(recent.clone()).init();
    recent
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_stays_one_whatever_is_in_it() {
        let kept = Kept::default();
        let writer = kept.clone();
        let log = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .fmt_fields(debug_fn(write).delimited(" "))
            .finish();
        let forged = "x\n INFO loaded handler=\"forged\"\u{1b}[2J\u{202e}";
        tracing::subscriber::with_default(log, || {
            tracing::info!(name = %forged, text = forged, number = 1, "says {forged}");
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.starts_with(" INFO says x\u{fffd} INFO loaded"), "{text}");
        assert!(text.contains(" number=1") && !text.contains(['\u{1b}', '\u{202e}']), "{text}");
    }
}
