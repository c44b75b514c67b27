//! A scripted HTTP server on plain threads: what handlers ask of others.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A scripted server. It stops to accept when it is dropped.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    state: Arc<State>,
}

/// A request it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Method and target.
    pub line: String,
    /// The header fields as they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// What it answers.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status and reason.
    pub status: &'static str,
    /// The body.
    pub body: &'static str,
    /// What it waits before it answers.
    pub delay: Duration,
}

#[derive(Debug, Default)]
struct State {
    stopped: AtomicBool,
    connections: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
    asked: Mutex<Vec<Asked>>,
}

impl Upstream {
    /// Starts a server that always gives `answer`.
    ///
    /// # Panics
    ///
    /// If there is no free port.
    pub fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::<State>::default();
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stopped.load(Ordering::SeqCst) {
                    return;
                }
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let (state, answer) = (shared.clone(), answer.clone());
                // A client that goes away ends its thread.
                std::thread::spawn(move || stream.and_then(|stream| serve(stream, &state, &answer)));
            }
        });
        Self { address, state }
    }

    /// `http://` and its address.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The most requests it ever had under way at once.
    pub fn most_at_once(&self) -> usize {
        self.state.most_open.load(Ordering::SeqCst)
    }

    /// The connections that were ever made to it.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// The requests under way.
    pub fn open(&self) -> usize {
        self.state.open.load(Ordering::SeqCst)
    }

    /// The requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::SeqCst);
        // So that the accept loop sees it.
        TcpStream::connect(self.address).ok();
    }
}

fn serve(stream: TcpStream, state: &State, answer: &Answer) -> std::io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some(asked) = read(&mut reader)? {
        let open = state.open.fetch_add(1, Ordering::SeqCst) + 1;
        state.most_open.fetch_max(open, Ordering::SeqCst);
        state.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
        std::thread::sleep(answer.delay);
        state.open.fetch_sub(1, Ordering::SeqCst);
        let Answer { status, body, .. } = answer;
        let length = body.len();
        writer
            .write_all(format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}").as_bytes())?;
    }
    Ok(())
}

fn read(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<Asked>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut headers = Vec::new();
    loop {
        let mut field = String::new();
        reader.read_line(&mut field)?;
        match field.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None => break,
        }
    }
    let header = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    let mut body = Vec::new();
    if let Some(length) = header("content-length") {
        body.resize(length.parse().map_err(std::io::Error::other)?, 0);
        reader.read_exact(&mut body)?;
    } else if header("transfer-encoding").is_some() {
        read_chunks(reader, &mut body)?;
    }
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(Some(Asked { line, headers, body }))
}

fn read_chunks(reader: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> std::io::Result<()> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim_end(), 16).map_err(std::io::Error::other)?;
        let start = body.len();
        body.resize(start + length, 0);
        reader.read_exact(&mut body[start..])?;
        reader.read_line(&mut String::new())?;
        if length == 0 {
            return Ok(());
        }
    }
}
