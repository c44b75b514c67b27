//! The lines of the access log.
//!
//! In: what is known of a request when its response has ended. Out: a line, for the
//! [`Writer`]. A core never waits for it: where the writer falls behind, lines are
//! dropped and counted.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, SyncSender, TrySendError};
use std::time::{Duration, SystemTime};

use http::uri::Scheme;

use super::writer::{Command, Destination, Writer};
use crate::config::AccessLogFormat;

/// The access log.
#[derive(Debug, Clone)]
pub struct AccessLog {
    lines: SyncSender<String>,
    commands: Sender<Command>,
    dropped: Arc<AtomicU64>,
}

/// What is known of a request when its response has ended.
#[derive(Debug)]
pub struct AccessRecord {
    /// How its line looks.
    pub format: AccessLogFormat,
    /// Names the request everywhere.
    pub request_id: Arc<str>,
    /// The client, or the nearest of its proxies.
    pub peer: SocketAddr,
    /// The client, where a trusted proxy tells of it.
    pub client: Option<IpAddr>,
    /// The client's scheme, likewise.
    pub scheme: Option<Scheme>,
    /// The authority that the client asked for, likewise.
    pub authority: Option<Arc<str>>,
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
    /// The handler of this server that asked.
    pub caller: Option<Arc<str>>,
    /// Whether the whole response was sent, as far as the system tells: it may still be on its
    /// way.
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
    /// Starts the thread that writes to `destination`.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub fn start(destination: Destination) -> std::io::Result<(Self, Writer)> {
        let dropped = Arc::default();
        let (lines, commands, writer) = Writer::start(destination, &dropped)?;
        Ok((Self { lines, commands, dropped }, writer))
    }

    /// Writes a line, or counts it as dropped where the log has fallen behind.
    pub fn write(&self, record: &AccessRecord) {
        let line = match record.format {
            AccessLogFormat::Off => return,
            AccessLogFormat::Json => json(record),
            AccessLogFormat::Text => text(record),
        };
        if let Err(TrySendError::Full(_)) = self.lines.try_send(line) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Opens the file anew, after it was moved away. Returns at once.
    pub fn reopen(&self) {
        self.command(Command::Reopen);
    }

    /// Writes to `destination` from now on. Returns at once.
    pub fn redirect(&self, destination: Destination) {
        self.command(Command::Redirect(destination));
    }

    /// Writes what there is and ends, for a moment at most.
    pub fn finish(&self, writer: Writer) {
        self.command(Command::End);
        writer.wait();
    }

    fn command(&self, command: Command) {
        self.commands.send(command).ok();
        // In case it waits for lines; a queue that is full keeps it awake.
        self.lines.try_send(String::new()).ok();
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
    if let Some(client) = &record.client {
        write!(line, " client={client}").ok();
    }
    if let Some(scheme) = &record.scheme {
        write!(line, " scheme={scheme}").ok();
    }
    if let Some(authority) = &record.authority {
        write!(line, " authority={authority:?}").ok();
    }
    if let Some(handler) = &record.handler {
        write!(line, " handler={handler}").ok();
    }
    if let Some(route) = &record.route {
        write!(line, " route={route:?}").ok();
    }
    if let Some(caller) = &record.caller {
        write!(line, " caller={caller}").ok();
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
        "client": record.client,
        "scheme": record.scheme.as_ref().map(Scheme::as_str),
        "authority": record.authority.as_deref(),
        "method": record.method(),
        "target": record.target(),
        "status": record.status,
        "bytes": record.bytes,
        "duration_us": record.duration.as_micros() as u64,
        "handler": record.handler.as_deref(),
        "route": record.route.as_deref(),
        "caller": record.caller.as_deref(),
        "complete": record.complete,
    });
    format!("{line}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> AccessRecord {
        AccessRecord {
            format: AccessLogFormat::Text,
            request_id: "1".into(),
            peer: "127.0.0.1:1".parse().unwrap(),
            client: None,
            scheme: None,
            authority: None,
            method: Some(http::Method::GET),
            target: Some("/a\"b".parse().unwrap()),
            status: 200,
            bytes: 3,
            duration: Duration::from_micros(7),
            handler: Some("h".into()),
            route: Some("/{x}".into()),
            caller: None,
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
