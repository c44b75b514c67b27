//! The file, lent to a backup. One process has it open, so who wants a copy asks that one, at
//! a socket beside the file that only its own user and root may reach.
//!
//! In: a connection. Out: all values as they are at that moment, in the form of [`form`]; what
//! is written meanwhile is another state of the file, and waits for nobody. One backup is
//! served after the other, by a thread that waits for the next; one that takes nothing for a
//! while is left.

use std::fmt;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, BufWriter, Write as _};
use std::net::Shutdown;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::database::{Database, each};
use super::form;

/// How long a backup may take nothing, or a server send nothing.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// The socket and its thread, from the first opening of the file to its closing.
pub(super) struct Lending {
    socket: PathBuf,
    running: Mutex<Option<Running>>,
}

struct Running {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    borrower: Mutex<Option<UnixStream>>,
}

impl Shared {
    fn borrower(&self) -> MutexGuard<'_, Option<UnixStream>> {
        self.borrower.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Lending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lending({})", self.socket.display())
    }
}

/// Where the file at `path` can be asked for.
pub(super) fn socket_of(path: &Path) -> PathBuf {
    path.with_extension("sock")
}

/// Reaches the socket through its folder: an address has room for 107 bytes, a path for more.
pub(super) fn reach<T>(socket: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let folder = socket.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or(Path::new(".")))?;
    let name = socket.file_name().unwrap_or_default();
    act(&Path::new(&format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name))
}

impl Lending {
    pub(super) fn new(path: &Path) -> Self {
        Self { socket: socket_of(path), running: Mutex::default() }
    }

    /// Lends `database`, which is open, from now on; where it cannot, the log says so.
    pub(super) fn start(&self, database: &Arc<Database>) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_some() {
            return;
        }
        let shared = Arc::<Shared>::default();
        let started = reach(&self.socket, listen).and_then(|listener| {
            let (database, shared) = (database.clone(), shared.clone());
            let serve = move || serve(&listener, &database, &shared);
            Builder::new().name("key-value-lend".to_owned()).spawn(serve)
        });
        match started {
            Ok(thread) => *running = Some(Running { shared, thread }),
            Err(error) => tracing::warn!(
                "cannot listen on {}: {error}; a backup of the key-value file has to wait until this server ends",
                self.socket.display()
            ),
        }
    }

    /// Ends what is lent, and the thread.
    pub(super) fn end(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Running { shared, thread }) = running else { return };
        shared.is_over.store(true, Ordering::SeqCst);
        if let Some(borrower) = shared.borrower().take() {
            borrower.shutdown(Shutdown::Both).ok();
        }
        // So that it looks up.
        reach(&self.socket, |socket| UnixStream::connect(socket).map(drop)).ok();
        thread.join().ok();
        fs::remove_file(&self.socket).ok();
    }
}

/// Takes the place of a socket that was left there: who has the file open has its socket. It
/// is made where nobody else can reach it until it has its rights.
fn listen(socket: &Path) -> io::Result<UnixListener> {
    let apart = socket.with_file_name(format!(".patchboard-lend-{}", std::process::id()));
    DirBuilder::new().mode(0o700).create(&apart)?;
    let made = apart.join("s");
    let listener = UnixListener::bind(&made).and_then(|listener| {
        fs::set_permissions(&made, Permissions::from_mode(0o600))?;
        fs::rename(&made, socket)?;
        Ok(listener)
    });
    fs::remove_file(&made).ok();
    fs::remove_dir(&apart).ok();
    listener
}

fn serve(listener: &UnixListener, database: &Database, shared: &Shared) {
    loop {
        let Ok((stream, _)) = listener.accept() else {
            // Such as where there are no descriptors left.
            std::thread::sleep(Duration::from_millis(100));
            continue;
        };
        *shared.borrower() = stream.try_clone().ok();
        if shared.is_over.load(Ordering::SeqCst) {
            return;
        }
        match lend(database, &stream) {
            Ok(values) => tracing::info!(values, "the key-value file was copied by a backup"),
            Err(error) => tracing::warn!("a copy of the key-value file for a backup broke off: {error}"),
        }
        *shared.borrower() = None;
    }
}

/// Sends all values, and how many they are; or why they cannot be had.
fn lend(database: &Database, stream: &UnixStream) -> io::Result<u64> {
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut out = BufWriter::with_capacity(256 << 10, stream);
    out.write_all(form::BEGIN)?;
    let sent = database.snapshot().map_err(|error| error.to_string()).and_then(|reader| {
        each(&reader, &mut |space, key, value| form::write_value(&mut out, space, key, value))
    });
    match &sent {
        Ok(values) => form::write_end(&mut out, *values)?,
        Err(reason) => form::write_failure(&mut out, reason)?,
    }
    out.flush()?;
    sent.map_err(io::Error::other)
}
