//! A copy of a SQLite database, as it is at one moment, whoever writes to it meanwhile.
//!
//! All pages are read in one transaction, which in WAL mode keeps no writer waiting. They are
//! copied as they are: `VACUUM INTO` would number rows anew that have no key of their own.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::connection::cannot_open;

/// How long another process may hold the database, as one that repairs it does.
const PATIENCE: Duration = Duration::from_secs(10);

/// Copies the database at `path`, with what is in the files beside it, to a new one at `to`.
///
/// # Errors
///
/// Why it cannot be copied, and what to do.
pub fn copy_sqlite(path: &Path, to: &Path) -> Result<(), String> {
    let opening = |error: rusqlite::Error| cannot_open(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let from = Connection::open_with_flags(path, flags).map_err(opening)?;
    from.busy_timeout(PATIENCE).map_err(opening)?;
    // Where it is no database, it says so before anything is written.
    from.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(opening)?;
    let copying = |error: rusqlite::Error| {
        let room = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => "; make room there",
            _ => "",
        };
        format!("cannot copy {} to {}: {error}{room}", path.display(), to.display())
    };
    // For nobody else; where it cannot be made, SQLite says why.
    drop(OpenOptions::new().append(true).create(true).mode(0o600).open(to));
    let mut copy = Connection::open(to).map_err(copying)?;
    // Who began it syncs all of it at the end.
    copy.pragma_update(None, "synchronous", "off").map_err(copying)?;
    let deadline = Instant::now() + PATIENCE;
    let backup = Backup::new(&from, &mut copy).map_err(copying)?;
    loop {
        match backup.step(-1).map_err(copying)? {
            StepResult::Done => return Ok(()),
            _ if Instant::now() > deadline => {
                return Err(format!("cannot copy {}: another process holds it", path.display()));
            }
            _ => sleep(Duration::from_millis(50)),
        }
    }
}
