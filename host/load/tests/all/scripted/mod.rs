//! A server that does what a test says, a thread for each connection, and a way to run
//! the command against it and to read what it wrote.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use clap::Parser;
use serde_json::Value;

/// What is done about a request, one after the other.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Send(Vec<u8>),
    Wait(Duration),
    /// Closes the connection in good order.
    Close,
    /// Closes it with a request's bytes unread, which resets it.
    Reset,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// Of all requests, from 0 on.
    pub(crate) number: u64,
    /// Of those of its connection.
    pub(crate) on_connection: u64,
    pub(crate) line: String,
    pub(crate) fields: Vec<String>,
    pub(crate) body: Vec<u8>,
}

#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) requests: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) received: AtomicU64,
    pub(crate) sent: AtomicU64,
    /// Kept where there are few.
    pub(crate) kept: Mutex<Vec<Request>>,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Seen>,
}

const KEPT: u64 = 1000;

impl Server {
    /// Listens until the test ends.
    pub(crate) fn start(script: impl Fn(&Request) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (seen, script) = (Arc::new(Seen::default()), Arc::new(script));
        let server = Self { address, seen: Arc::clone(&seen) };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                seen.connections.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || serve(stream, &seen, script.as_ref()));
            }
        });
        server
    }

    /// Answers each request like this.
    pub(crate) fn always(answer: &str) -> Self {
        let answer = answer.as_bytes().to_vec();
        Self::start(move |_| vec![Step::Send(answer.clone())])
    }

    pub(crate) fn requests(&self) -> u64 {
        self.seen.requests.load(Ordering::SeqCst)
    }

    pub(crate) fn connections(&self) -> u64 {
        self.seen.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn kept(&self) -> Vec<Request> {
        self.seen.kept.lock().expect("no panic").clone()
    }
}

/// A plain answer.
pub(crate) fn answer(status: u16, body: &str) -> Step {
    let length = body.len();
    Step::Send(format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes())
}

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn serve(stream: TcpStream, seen: &Seen, script: &dyn Fn(&Request) -> Vec<Step>) {
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream);
    let mut on_connection = 0;
    while let Some(mut request) = read(&mut reader, seen) {
        request.number = seen.requests.fetch_add(1, Ordering::SeqCst);
        request.on_connection = on_connection;
        on_connection += 1;
        let steps = script(&request);
        if request.number < KEPT {
            seen.kept.lock().expect("no panic").push(request);
        }
        for step in steps {
            let stream = reader.get_mut();
            match step {
                Step::Send(bytes) => {
                    if stream.write_all(&bytes).is_err() {
                        return;
                    }
                    seen.sent.fetch_add(bytes.len() as u64, Ordering::SeqCst);
                }
                Step::Wait(time) => thread::sleep(time),
                Step::Close => return,
                Step::Reset => {
                    let socket = socket2::SockRef::from(&*stream);
                    socket.set_linger(Some(Duration::ZERO)).expect("linger can be set");
                    return;
                }
            }
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>, seen: &Seen) -> Option<Request> {
    let (mut lines, mut length) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        seen.received.fetch_add(line.len() as u64, Ordering::SeqCst);
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().expect("a length");
        }
        lines.push(line.to_owned());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    seen.received.fetch_add(length as u64, Ordering::SeqCst);
    let fields = lines.split_off(1);
    Some(Request { line: lines.pop()?, fields, body, ..Request::default() })
}

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    load: patchboard_load::Load,
}

/// Runs the command; what it wrote as JSON, and whether all requests went well.
pub(crate) fn load(line: &str) -> (Value, bool) {
    try_load(line).expect("a run")
}

pub(crate) fn try_load(line: &str) -> anyhow::Result<(Value, bool)> {
    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join("run.json");
    let json = json.to_str().expect("UTF-8");
    let words = ["load"].into_iter().chain(line.split_whitespace()).chain(["--json", json]);
    let code = Cli::try_parse_from(words)?.load.run()?;
    let text = std::fs::read_to_string(json).expect("it was written");
    Ok((serde_json::from_str(&text).expect("JSON"), code == ExitCode::SUCCESS))
}

pub(crate) fn number(report: &Value, pointer: &str) -> f64 {
    let value = report.pointer(pointer).and_then(Value::as_f64);
    value.unwrap_or_else(|| panic!("no number at {pointer} of {report:#}"))
}

/// How many failures there are of a class.
pub(crate) fn failures(report: &Value, class: &str) -> u64 {
    let rows = report["failures"].as_array().expect("a list");
    rows.iter().filter(|row| row["class"] == class).filter_map(|row| row["count"].as_u64()).sum()
}
