//! The threads that wait for the disk, and their queues.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use tokio::sync::mpsc::{self, Receiver, Sender};

use super::database::{Database, Write};
use crate::Error;

const READERS: usize = 2;
/// Operations that wait for a thread; further ones wait before the queue.
const QUEUE: usize = 256;
/// What one transaction makes at most, in operations and, about, in bytes.
const MOST_WRITES: usize = 512;
const MOST_BYTES: usize = 8 << 20;

/// A read, with where its answer goes.
pub(super) type Read = Box<dyn FnOnce(&Database) + Send>;

/// The threads of a file, started by the first operation.
pub(super) struct Threads {
    database: Arc<Database>,
    running: Mutex<Option<Running>>,
}

struct Running {
    queues: Queues,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Clone)]
struct Queues {
    reads: Sender<Read>,
    writes: Sender<Write>,
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Threads")
    }
}

impl Threads {
    pub(super) fn new(database: Arc<Database>) -> Self {
        Self { database, running: Mutex::default() }
    }

    pub(super) async fn read(&self, read: Read) -> Result<(), Error> {
        self.queues()?.reads.send(read).await.map_err(|_| self.database.failed())
    }

    pub(super) async fn write(&self, write: Write) -> Result<(), Error> {
        self.queues()?.writes.send(write).await.map_err(|_| self.database.failed())
    }

    /// Waits until all that was asked for is done, and the threads have ended.
    pub(super) fn end(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Running { queues, threads }) = running else { return };
        drop(queues);
        for thread in threads {
            // One that has panicked has ended, too.
            thread.join().ok();
        }
    }

    fn queues(&self) -> Result<Queues, Error> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = &*running {
            return Ok(running.queues.clone());
        }
        let started = start(&self.database).map_err(|error| {
            tracing::error!(%error, "cannot start the threads of the key-value file");
            self.database.failed()
        })?;
        Ok(running.insert(started).queues.clone())
    }
}

fn start(database: &Arc<Database>) -> io::Result<Running> {
    let (reads, next_read) = mpsc::channel(QUEUE);
    let (writes, next_write) = mpsc::channel(QUEUE);
    let next_read = Arc::new(Mutex::new(next_read));
    let thread = || Builder::new().name("key-value".to_owned());
    let mut threads = Vec::new();
    for _ in 0..READERS {
        let (database, next) = (database.clone(), next_read.clone());
        threads.push(thread().spawn(move || read_all(&database, &next))?);
    }
    let database = database.clone();
    threads.push(thread().spawn(move || write_all(&database, next_write))?);
    Ok(Running { queues: Queues { reads, writes }, threads })
}

fn read_all(database: &Database, next: &Mutex<Receiver<Read>>) {
    loop {
        let read = next.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(read) = read else { return };
        read(database);
    }
}

fn write_all(database: &Database, mut next: Receiver<Write>) {
    while let Some(first) = next.blocking_recv() {
        let mut bytes = first.bytes;
        let mut writes = vec![first];
        while writes.len() < MOST_WRITES
            && bytes < MOST_BYTES
            && let Ok(write) = next.try_recv()
        {
            bytes += write.bytes;
            writes.push(write);
        }
        // Where it has failed, who waits for one of the replies sees that it is gone.
        for reply in database.write(writes).into_iter().flatten() {
            reply();
        }
    }
}
