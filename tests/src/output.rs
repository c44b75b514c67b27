//! The lines a process writes, collected in the background.

use std::io::{BufRead as _, BufReader, Read};
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::PATIENCE;

/// The lines of one stream, as they come.
#[derive(Debug, Clone)]
pub struct Output(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<String>,
    closed: bool,
}

impl Output {
    /// Collects standard output and standard error of `child`, which are pipes.
    ///
    /// # Panics
    ///
    /// If they are none, or taken.
    pub fn of(child: &mut Child) -> (Self, Self) {
        let stdout = child.stdout.take().expect("standard output is a pipe");
        let stderr = child.stderr.take().expect("standard error is a pipe");
        (Self::collect(stdout), Self::collect(stderr))
    }

    /// Collects the lines of `stream` until it is closed.
    fn collect(stream: impl Read + Send + 'static) -> Self {
        let output = Self(Arc::default());
        let collector = output.clone();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
                line.clear();
                collector.lock().lines.push(text);
                collector.0.changed.notify_all();
            }
            collector.lock().closed = true;
            collector.0.changed.notify_all();
        });
        output
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    /// Forgets all but the last `count` lines so far, of a process that writes many.
    pub fn keep_last(&self, count: usize) {
        let lines = &mut self.lock().lines;
        lines.drain(..lines.len().saturating_sub(count));
    }

    /// The number of lines so far that contain `text`.
    pub fn count(&self, text: &str) -> usize {
        self.lock().lines.iter().filter(|line| line.contains(text)).count()
    }

    /// Waits for a line that contains `text`, which may be there already; gives it.
    ///
    /// # Panics
    ///
    /// If there is none within [`PATIENCE`], or before the stream is closed.
    #[track_caller]
    pub fn wait_for(&self, text: &str) -> String {
        self.wait_for_all(&[text])
    }

    /// Waits for a line that contains all of `texts`; gives it.
    ///
    /// # Panics
    ///
    /// If there is none within [`PATIENCE`], or before the stream is closed.
    #[track_caller]
    pub fn wait_for_all(&self, texts: &[&str]) -> String {
        let wanted = |line: &str| texts.iter().all(|text| line.contains(text));
        match self.wait(|lines| lines.iter().find(|line| wanted(line)).cloned()) {
            Some(line) => line,
            None => panic!("no line with {texts:?} in:\n{}", self.lines().join("\n")),
        }
    }

    /// Waits until `count` lines contain `text`.
    ///
    /// # Panics
    ///
    /// If there are fewer within [`PATIENCE`], or before the stream is closed.
    #[track_caller]
    pub fn wait_for_count(&self, text: &str, count: usize) {
        let enough = self
            .wait(|lines| (lines.iter().filter(|line| line.contains(text)).count() >= count).then_some(()));
        assert!(enough.is_some(), "fewer than {count} lines with {text:?} in:\n{}", self.lines().join("\n"));
    }

    /// Waits for a line that begins with `prefix`, and gives the rest of it; none where the
    /// stream is closed without one.
    pub fn after(&self, prefix: &str) -> Option<String> {
        self.wait(|lines| lines.iter().find_map(|line| line.strip_prefix(prefix)).map(str::to_owned))
    }

    /// Waits until the stream is closed; gives all lines.
    pub(crate) fn wait_closed(&self) -> Vec<String> {
        self.wait(|_| None::<()>);
        self.lines()
    }

    fn wait<T>(&self, mut find: impl FnMut(&[String]) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.lock();
        loop {
            if let Some(found) = find(&state.lines) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if state.closed || left.is_zero() {
                return None;
            }
            state = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
