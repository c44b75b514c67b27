//! Many calls at once, which wrk cannot do: over connections that are open already,
//! one request each, and then one answer each.
//!
//! One thread writes to all connections and then reads from all, in the same order.
//! That is the least work for the machine that the server is on too, and exact for
//! the whole; a single call may have been answered a little before it is read.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::answer::Answer;
use crate::report::Report;
use crate::request::Request;
use crate::statistics::quantile;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Files that a process has open beside its connections.
const OTHER_FILES: u64 = 64;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Burst<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) request: &'a Request,
    pub(crate) calls: usize,
    pub(crate) seconds: u32,
}

/// What all bursts of a run came to, in microseconds.
#[derive(Debug, Default)]
struct Times {
    /// Of each call.
    calls: Vec<f64>,
    /// Of each burst.
    all: Vec<f64>,
}

impl Burst<'_> {
    pub(crate) fn run(&self) -> Result<Report> {
        allow_files(self.calls as u64 + OTHER_FILES)?;
        let mut connections = Vec::with_capacity(self.calls);
        for _ in 0..self.calls {
            let stream = TcpStream::connect(self.address).context("could not connect")?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            connections.push(stream);
        }
        let request = self.request.bytes(self.address);
        let (mut times, mut bytes) = (Times::default(), 0);
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(self.seconds.into()) {
            bytes += once(&mut connections, &request, &mut times)?;
        }
        times.report(bytes, started.elapsed()).context("no call was made")
    }
}

impl Times {
    fn report(mut self, bytes: usize, elapsed: Duration) -> Option<Report> {
        self.calls.sort_unstable_by(f64::total_cmp);
        self.all.sort_unstable_by(f64::total_cmp);
        Some(Report {
            requests: self.calls.len() as f64,
            bytes: bytes as f64,
            seconds: elapsed.as_secs_f64(),
            p50_us: quantile(&self.calls, 0.5)?,
            p99_us: quantile(&self.calls, 0.99)?,
            all_us: Some(quantile(&self.all, 0.5)?),
        })
    }
}

/// One call over each connection. Gives the bytes that were read.
fn once(connections: &mut [TcpStream], request: &[u8], times: &mut Times) -> Result<usize> {
    let us = |from: Instant| from.elapsed().as_secs_f64() * 1e6;
    let mut buffer = [0; 64 << 10];
    let mut bytes = 0;
    let mut sent = Vec::with_capacity(connections.len());
    let started = Instant::now();
    for stream in &mut *connections {
        sent.push(Instant::now());
        stream.write_all(request).context("could not send a request")?;
    }
    for (stream, sent) in connections.iter_mut().zip(sent) {
        bytes += read(stream, &mut buffer)?;
        times.calls.push(us(sent));
    }
    times.all.push(us(started));
    Ok(bytes)
}

/// Reads an answer, which must be 200, into `buffer`.
fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    loop {
        let free = buffer.get_mut(filled..).filter(|free| !free.is_empty());
        let read = stream.read(free.context("an answer is too long")?).context("an answer did not come")?;
        if read == 0 {
            bail!("the server closed a connection");
        }
        filled += read;
        match Answer::parse(buffer.get(..filled).unwrap_or_default())? {
            Some(Answer { status: 200, .. }) => return Ok(filled),
            Some(Answer { status, .. }) => bail!("a call was answered with {status}"),
            None => {}
        }
    }
}

/// Lets this process, and those that it starts, open so many files.
pub(crate) fn allow_files(count: u64) -> Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= count) {
        return Ok(());
    }
    if maximum.is_some_and(|maximum| maximum < count) {
        bail!(
            "{count} files must be open at once, which is forbidden; raise the limit with `ulimit -n {count}`"
        );
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(count), maximum })
        .context("could not raise the limit of open files")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    #[test]
    fn all_calls_are_sent_before_an_answer_is_read() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let mut streams: Vec<_> = (0..3).map(|_| listener.accept().unwrap().0).collect();
            let request = Request::get("/").bytes(address);
            let mut buffer = vec![0; request.len()];
            // Nobody is answered until all have asked.
            for stream in &mut streams {
                stream.read_exact(&mut buffer).unwrap();
                assert_eq!(buffer, request);
            }
            for stream in &mut streams {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
            }
        });
        let mut streams: Vec<_> = (0..3).map(|_| TcpStream::connect(address).unwrap()).collect();
        let mut times = Times::default();
        let bytes = once(&mut streams, &Request::get("/").bytes(address), &mut times).unwrap();
        server.join().unwrap();
        assert_eq!((bytes, times.calls.len(), times.all.len()), (3 * 40, 3, 1));
        let report = times.report(bytes, Duration::from_secs(2)).unwrap();
        assert_eq!((report.requests, report.seconds), (3.0, 2.0));
        assert!(report.all_us >= Some(report.p99_us) && report.p99_us >= report.p50_us);
    }
}
