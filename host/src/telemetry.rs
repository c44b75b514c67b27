//! Logs: operational lines on standard error, one access-log line a request on
//! standard output.
//!
//! The access log never blocks a core: lines go through a bounded queue to a
//! thread of its own; where that falls behind, lines are dropped and counted.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, channel, sync_channel};
use std::time::{Duration, SystemTime};

use tracing_subscriber::EnvFilter;

use crate::config::AccessLogFormat;

const QUEUED_LINES: usize = 8192;
/// How long the end of the server waits for the last lines to be written.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Starts the operational log at `filter`, for example `info` or `debug`.
///
/// # Errors
///
/// If `filter` is malformed.
pub fn start(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| anyhow::anyhow!("log filter `{filter}`: {error}; try `info` or `debug`"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    Ok(())
}

/// The access log.
#[derive(Debug, Clone)]
pub struct AccessLog {
    format: AccessLogFormat,
    sender: Option<SyncSender<String>>,
    dropped: Arc<AtomicU64>,
}

/// The thread that writes the access log.
#[derive(Debug)]
pub struct AccessLogWriter {
    ended: Receiver<()>,
}

/// What is known of a request when its response has ended.
#[derive(Debug)]
pub struct AccessRecord {
    /// Names the request everywhere.
    pub request_id: Arc<str>,
    /// The client.
    pub peer: SocketAddr,
    /// The method; none where it could not be read.
    pub method: Option<http::Method>,
    /// Path and query as sent; none where they could not be read.
    pub target: Option<http::Uri>,
    /// The status that was sent.
    pub status: u16,
    /// Bytes of the response body that were sent.
    pub bytes: u64,
    /// From the head of the request to the end of the response.
    pub duration: Duration,
    /// The handler that answered.
    pub handler: Option<Arc<str>>,
    /// The pattern that matched.
    pub route: Option<Arc<str>>,
    /// Whether the whole response was handed to the connection.
    pub complete: bool,
}

impl AccessRecord {
    fn method(&self) -> Option<&str> {
        self.method.as_ref().map(http::Method::as_str)
    }

    fn target(&self) -> Option<&str> {
        self.target.as_ref().map(|target| target.path_and_query().map_or("/", |path| path.as_str()))
    }
}

impl AccessLog {
    /// Starts the log on standard output.
    pub fn start(format: AccessLogFormat) -> (Self, AccessLogWriter) {
        let dropped = Arc::new(AtomicU64::new(0));
        let (end, ended) = channel();
        let sender = (format != AccessLogFormat::Off).then(|| {
            let (sender, receiver) = sync_channel(QUEUED_LINES);
            let dropped = dropped.clone();
            std::thread::spawn(move || {
                write_lines(&receiver, &dropped);
                end.send(()).ok();
            });
            sender
        });
        (Self { format, sender, dropped }, AccessLogWriter { ended })
    }

    /// Writes a line, or counts it as dropped where the log has fallen behind.
    pub fn write(&self, record: &AccessRecord) {
        let Some(sender) = &self.sender else { return };
        let line = match self.format {
            AccessLogFormat::Json => json(record),
            _ => text(record),
        };
        if let Err(TrySendError::Full(_)) = sender.try_send(line) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether lines are written at all.
    pub fn is_on(&self) -> bool {
        self.sender.is_some()
    }
}

impl AccessLogWriter {
    /// Waits, for a moment at most, until every line has been written. All handles on
    /// the log must have been dropped.
    pub fn finish(self) {
        self.ended.recv_timeout(LAST_LINES).ok();
    }
}

fn write_lines(receiver: &Receiver<String>, dropped: &AtomicU64) {
    let mut output = std::io::BufWriter::new(std::io::stdout());
    loop {
        let line = match receiver.try_recv() {
            Ok(line) => line,
            Err(_) => {
                output.flush().ok();
                match receiver.recv_timeout(Duration::from_secs(1)) {
                    Ok(line) => line,
                    Err(RecvTimeoutError::Timeout) => {
                        let count = dropped.swap(0, Ordering::Relaxed);
                        if count > 0 {
                            tracing::warn!(count, "access log lines dropped; its reader is too slow");
                        }
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        };
        output.write_all(line.as_bytes()).ok();
    }
}

fn now() -> humantime::Rfc3339Timestamp {
    humantime::format_rfc3339_millis(SystemTime::now())
}

fn text(record: &AccessRecord) -> String {
    let AccessRecord { request_id, peer, status, bytes, .. } = record;
    let (method, target) = (record.method().unwrap_or("-"), record.target().unwrap_or("-"));
    let microseconds = record.duration.as_micros();
    let mut line = format!(
        "time={} request_id={request_id} peer={peer} method={method} target={target:?} status={status} bytes={bytes} duration_us={microseconds}",
        now()
    );
    // Writing to a String cannot fail.
    if let Some(handler) = &record.handler {
        write!(line, " handler={handler}").ok();
    }
    if let Some(route) = &record.route {
        write!(line, " route={route:?}").ok();
    }
    if !record.complete {
        line.push_str(" complete=false");
    }
    line.push('\n');
    line
}

fn json(record: &AccessRecord) -> String {
    let line = serde_json::json!({
        "time": now().to_string(),
        "request_id": &*record.request_id,
        "peer": record.peer,
        "method": record.method(),
        "target": record.target(),
        "status": record.status,
        "bytes": record.bytes,
        "duration_us": record.duration.as_micros() as u64,
        "handler": record.handler.as_deref(),
        "route": record.route.as_deref(),
        "complete": record.complete,
    });
    format!("{line}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> AccessRecord {
        AccessRecord {
            request_id: "1".into(),
            peer: "127.0.0.1:1".parse().unwrap(),
            method: Some(http::Method::GET),
            target: Some("/a\"b".parse().unwrap()),
            status: 200,
            bytes: 3,
            duration: Duration::from_micros(7),
            handler: Some("h".into()),
            route: Some("/{x}".into()),
            complete: true,
        }
    }

    #[test]
    fn a_text_line_cannot_be_forged() {
        // A URI has neither spaces nor line feeds, but may have quotes.
        let line = text(&AccessRecord { target: Some("/\"status=500".parse().unwrap()), ..record() });
        assert!(
            line.contains(r#"target="/\"status=500" status=200 bytes=3 duration_us=7 handler=h"#),
            "{line}"
        );
    }

    #[test]
    fn a_json_line_is_json() {
        let line: serde_json::Value = serde_json::from_str(&json(&record())).unwrap();
        assert_eq!(line["target"], "/a\"b");
        assert_eq!(line["duration_us"], 7);
    }
}
