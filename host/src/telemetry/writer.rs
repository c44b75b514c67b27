//! The thread that writes the access log, and where to.
//!
//! In: lines from a bounded queue, and commands. A file is opened anew when an
//! operator who has moved it away asks for it; where that fails, the one that is open
//! goes on being used.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

use rustix::fs::OFlags;

use crate::problem::Problem;

const QUEUED_LINES: usize = 8192;
/// How often dropped lines are reported.
const REPORT: Duration = Duration::from_secs(1);
/// How long the end of the server waits for the last lines to be written.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Where the access log goes to, opened.
pub struct Destination {
    /// None for standard output.
    path: Option<PathBuf>,
    output: Box<dyn Write + Send>,
}

/// What the thread is told beside lines.
#[derive(Debug)]
pub(super) enum Command {
    Reopen,
    Redirect(Destination),
    End,
}

/// The thread that writes the access log.
#[derive(Debug)]
pub struct Writer {
    ended: Receiver<()>,
}

impl std::fmt::Debug for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Destination").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Destination {
    /// Opens the file at `path`, to append to it; standard output without one.
    ///
    /// # Errors
    ///
    /// Names the file and the remedy.
    pub fn open(path: Option<&Path>) -> Result<Self, Problem> {
        let Some(path) = path else { return Ok(Self { path: None, output: Box::new(io::stdout()) }) };
        let file = append(path).map_err(|error| Self::refused(path, &error))?;
        Ok(Self { path: Some(path.to_owned()), output: Box::new(file) })
    }

    /// Says that the file at `path` cannot be written.
    pub fn refused(path: &Path, error: &io::Error) -> Problem {
        Problem::new("", format!("cannot write the access log {}: {error}", path.display()))
            .remedy("correct access_log_file")
    }
}

/// A named pipe that nobody reads is an error, and not waited for.
fn append(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().append(true).create(true).custom_flags(flags).open(path)?;
    // What is written may wait.
    rustix::fs::fcntl_setfl(&file, rustix::fs::fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file)
}

impl Writer {
    pub(super) fn start(
        destination: Destination,
        dropped: &Arc<AtomicU64>,
    ) -> io::Result<(SyncSender<String>, Sender<Command>, Self)> {
        let (lines, receiver) = sync_channel(QUEUED_LINES);
        let (commands, of_operator) = channel();
        let (end, ended) = channel();
        let log = Log {
            path: destination.path,
            output: BufWriter::new(destination.output),
            dropped: dropped.clone(),
        };
        std::thread::Builder::new().name("access-log".to_owned()).spawn(move || {
            log.run(&receiver, &of_operator);
            end.send(()).ok();
        })?;
        Ok((lines, commands, Self { ended }))
    }

    /// Waits, for a moment at most, for its end.
    pub(super) fn wait(self) {
        self.ended.recv_timeout(LAST_LINES).ok();
    }
}

/// What the thread owns.
struct Log {
    path: Option<PathBuf>,
    output: BufWriter<Box<dyn Write + Send>>,
    dropped: Arc<AtomicU64>,
}

impl Log {
    fn run(mut self, lines: &Receiver<String>, commands: &Receiver<Command>) {
        loop {
            let line = match lines.try_recv() {
                Ok(line) => line,
                Err(_) => {
                    self.output.flush().ok();
                    // Nothing is dropped while this waits for lines.
                    let next = match self.dropped.load(Ordering::Relaxed) {
                        0 => lines.recv().map_err(RecvTimeoutError::from),
                        _ => lines.recv_timeout(REPORT),
                    };
                    match next {
                        Ok(line) => line,
                        Err(RecvTimeoutError::Timeout) => {
                            self.report();
                            continue;
                        }
                        Err(RecvTimeoutError::Disconnected) => return,
                    }
                }
            };
            self.write(&line);
            for command in commands.try_iter() {
                match command {
                    Command::Reopen => self.reopen(),
                    Command::Redirect(destination) => self.redirect(destination),
                    Command::End => {
                        lines.try_iter().for_each(|line| self.write(&line));
                        self.output.flush().ok();
                        self.report();
                        return;
                    }
                }
            }
        }
    }

    fn write(&mut self, line: &str) {
        if self.output.write_all(line.as_bytes()).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn report(&self) {
        let count = self.dropped.swap(0, Ordering::Relaxed);
        if count > 0 {
            tracing::warn!(count, "access log lines dropped; its reader is too slow, or its disk is full");
        }
    }

    fn reopen(&mut self) {
        let Some(path) = self.path.clone() else {
            tracing::info!("the access log is on standard output; there is no file to reopen");
            return;
        };
        match append(&path) {
            Ok(file) => {
                self.redirect(Destination { path: Some(path.clone()), output: Box::new(file) });
                tracing::info!(file = %path.display(), "access log reopened");
            }
            Err(error) => {
                tracing::error!(%error, file = %path.display(), "cannot reopen the access log; the file that is open goes on being used");
            }
        }
    }

    fn redirect(&mut self, destination: Destination) {
        // What is buffered is the former's.
        self.output.flush().ok();
        self.path = destination.path;
        self.output = BufWriter::new(destination.output);
    }
}
