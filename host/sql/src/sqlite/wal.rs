//! The write-ahead log of a SQLite database, which begins anew only when nobody reads what it
//! had before. Readers of this server end by `transaction_timeout`; another process may go on for ever, and
//! nothing here can end it. So its size is watched, and the log names who has it open.

use std::ffi::c_int;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::hooks::Wal;

/// Pages after which they are brought into the database, as SQLite does unless it is told.
const CHECKPOINT_PAGES: c_int = 1000;
/// What it may come to before anything is said, in bytes; then whenever it has doubled.
const UNSAID_BYTES: u64 = 64 << 20;

/// Watches the log of `writer`, whose database is at `path`.
pub(super) fn watch(writer: &mut Connection, path: &Path) -> rusqlite::Result<()> {
    let page: u32 = writer.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let wal = PathBuf::from(format!("{}-wal", path.display()));
    let mut next = UNSAID_BYTES;
    writer.wal_hook(Some(move |log: &mut Wal, pages: c_int| {
        let bytes = u64::from(pages.unsigned_abs()) * u64::from(page);
        if pages >= CHECKPOINT_PAGES {
            // What cannot be done now is done after another commit.
            log.checkpoint().ok();
        }
        if bytes >= next {
            next = bytes * 2;
            tracing::warn!("{}", grown(&wal, bytes));
        } else if bytes < UNSAID_BYTES {
            next = UNSAID_BYTES;
        }
        Ok(())
    }))
}

fn grown(wal: &Path, bytes: u64) -> String {
    let others = readers(wal);
    let who = match others.is_empty() {
        true => "a process of another user, or a long transaction,".to_owned(),
        false => others.join(", "),
    };
    let (wal, mebibytes) = (wal.display(), bytes >> 20);
    format!(
        "{wal} has come to {mebibytes} MiB, since {who} goes on reading what was there before; it grows until that ends"
    )
}

/// The other processes that have the file open, as far as this user may see.
fn readers(file: &Path) -> Vec<String> {
    let Ok(file) = file.canonicalize() else { return Vec::new() };
    let own = std::process::id().to_string();
    let has_it = |process: &Path| {
        let open = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
        open.filter_map(|open| fs::read_link(open.path()).ok()).any(|open| open == file)
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|process| {
        let id = process.file_name().into_string().ok().filter(|id| *id != own)?;
        let path = process.path();
        if !id.bytes().all(|byte| byte.is_ascii_digit()) || !has_it(&path) {
            return None;
        }
        let name = fs::read_to_string(path.join("comm")).unwrap_or_default();
        Some(format!("process {id} ({})", name.trim_end()))
    });
    processes.collect()
}
